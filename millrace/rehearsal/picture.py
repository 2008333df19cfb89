"""A rehearsal as one self-contained HTML file."""


def picture(): ...

"""The reference says what the code says, and nothing public is missing from it."""

from __future__ import annotations

import importlib

from millrace.cli import COMMANDS
from millrace.usecases import names
from tests.docs.reference import FOLDER, pages
from tests.docs.sources import exported, of_module


def test_the_reference_is_that_of_the_code() -> None:
    """Who changes a docstring, an option or a use case writes the pages anew: `make reference`."""
    stale = [
        name
        for name, text in pages().items()
        if (FOLDER / name).read_text(encoding="utf-8") != text.rstrip("\n") + "\n"
    ]
    assert stale == [], "run `make reference`"


def test_every_public_name_stands_in_it_with_words() -> None:
    """What `__all__` exports is there, with a docstring."""
    python = pages()["python.md"]
    for package in ("millrace", "millrace.testing"):
        origin = exported(package)
        for name in importlib.import_module(package).__all__:
            assert f"### `{name}`" in python
            assert of_module(origin[name])[name].words, f"{name} says nothing of itself"


def test_every_command_and_use_case_stands_in_it() -> None:
    """Each command has a heading of its own, each use case too."""
    made = pages()
    assert [it for it in COMMANDS if f"## `millrace {it}" not in made["command-line.md"]] == []
    assert [it for it in names() if f"## {it}" not in made["use-cases.md"]] == []

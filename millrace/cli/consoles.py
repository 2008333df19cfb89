"""Where the command line writes: results to stdout, everything about getting them to stderr."""

import sys

from rich.console import Console

_FOR_FILES = 160
"""Columns of a table that goes to a file or a pipe, where nothing tells how wide it may be."""

OUT = Console(soft_wrap=False, highlight=False, width=None if sys.stdout.isatty() else _FOR_FILES)
ERR = Console(stderr=True, highlight=False, soft_wrap=True)
"""Never folded: a path or a command broken in two could not be copied, nor found by who reads a log."""

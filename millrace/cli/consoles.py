"""Where the command line writes: results to stdout, everything about getting them to stderr."""

from rich.console import Console

OUT = Console(soft_wrap=False, highlight=False)
ERR = Console(stderr=True, highlight=False)

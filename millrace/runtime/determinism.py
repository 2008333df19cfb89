"""One hash seed for all: some of River's models walk sets of texts, whose order follows Python's hash seed."""

from __future__ import annotations

import os
import sys


def fix_hash_seed() -> None:
    """Start this very command again with `PYTHONHASHSEED=0`, unless it runs so already."""
    if os.environ.get("PYTHONHASHSEED") != "0":
        sys.stdout.flush()
        sys.stderr.flush()
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, "PYTHONHASHSEED": "0"})  # noqa: S606

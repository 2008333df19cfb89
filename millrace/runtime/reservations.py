"""Ports that a platform on this machine has chosen: another one, starting at the same time, chooses others.

Between the choice of a port and its use lie seconds, in which it looks free.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from pathlib import Path
from typing import IO


class Reservations:
    """Ports held by this process, until it ends, against every other of the same user. Use it in a `with` statement."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or Path(tempfile.gettempdir()) / f"millrace-ports-{os.getuid()}"
        self._held: dict[int, IO[str]] = {}

    def take(self, port: int) -> bool:
        """Hold a port; return whether nobody else does."""
        if port in self._held:
            return True
        self._folder.mkdir(mode=0o700, exist_ok=True)
        mark = (self._folder / str(port)).open("w")
        try:
            fcntl.flock(mark.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            mark.close()
            return False
        self._held[port] = mark
        return True

    def __enter__(self) -> Reservations:
        return self

    def __exit__(self, *_: object) -> None:
        while self._held:
            self._held.popitem()[1].close()

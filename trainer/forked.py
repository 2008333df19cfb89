"""Writing a state down while learning goes on: a forked child pickles it to files and calls `os._exit`.

No loop, socket or log is used in the child. That the parent does not pickle has a second reason: reading an object's
`__dict__`, as pickle does, makes CPython 3.11 and 3.12 keep its attributes in a slower form from then on; models that were
pickled once predict and learn a quarter slower. Where forking is not safe (macOS) the state is written in line.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

from millrace.domain.errors import MillraceError

Write = Callable[[Path], None]
"""Writes files into a folder."""

CHILD_TIMEOUT = 120.0
"""Seconds after which a child that writes is given up."""


class Forked:
    """Files as a child writes them, from the memory of the moment of the fork."""

    def __init__(self, folder: Path, pid: int) -> None:
        self._folder = folder
        self._pid = pid

    @classmethod
    def begin(cls, write: Write) -> Forked:
        """Fork; blocks for milliseconds."""
        folder = Path(tempfile.mkdtemp(prefix="millrace-state-"))
        if sys.platform == "darwin":
            write(folder)
            return cls(folder, 0)
        with warnings.catch_warnings():  # other threads hold nothing that the child touches
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid == 0:
            _write_and_exit(write, folder)
        return cls(folder, pid)

    async def finish(self) -> dict[str, bytes]:
        """Wait for the child; return the files by name. Raises `MillraceError` when the child failed."""
        try:
            await self._wait()
            return {path.name: path.read_bytes() for path in self._folder.iterdir()}
        finally:
            self._end()

    async def _wait(self) -> None:
        deadline = time.monotonic() + CHILD_TIMEOUT
        while self._pid:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                self._pid = 0
                if status:
                    raise MillraceError(f"the process that wrote a state down ended with status {status}")
            elif time.monotonic() > deadline:
                raise MillraceError(f"writing a state down took longer than {CHILD_TIMEOUT:.0f} s")
            else:
                await asyncio.sleep(0.01)

    def _end(self) -> None:
        """Leave nothing behind, neither a child nor a file."""
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
            self._pid = 0
        for path in self._folder.iterdir():
            path.unlink()
        self._folder.rmdir()


def _write_and_exit(write: Write, folder: Path) -> None:
    """Be the child: write and end, whatever happens, without running anything the parent set up."""
    status = 1
    try:
        write(folder)
        status = 0
    finally:
        os._exit(status)

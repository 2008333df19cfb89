"""Ends what a killed supervisor leaves behind, children of children too, on every system.

The guard is a tiny process that is told every part's process group through a pipe. The pipe closes when the supervisor
ends, however it ends; what is still on the list is killed then. It runs as a file of its own: standard library only.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from typing import IO


class Guard:
    """The supervisor's side: what is to be ended with it."""

    def __init__(self) -> None:
        self._groups: set[int] = set()
        self._process = _spawn()

    @property
    def pid(self) -> int:
        """Return the guard's process id."""
        return self._process.pid

    def add(self, group: int) -> None:
        """Put a process group under guard."""
        self._groups.add(group)
        self._tell(f"+{group}")

    def release(self, group: int) -> None:
        """Take a process group off the list: it has ended."""
        self._groups.discard(group)
        self._tell(f"-{group}")

    def check(self) -> None:
        """Replace a guard that was killed."""
        if self._process.poll() is not None:
            self._process = _spawn()
            for group in self._groups:
                self._tell(f"+{group}")

    def close(self) -> None:
        """Let the guard go; what is still on its list is killed."""
        with contextlib.suppress(BrokenPipeError):
            self._pipe.close()
        self._process.wait()

    @property
    def _pipe(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    def _tell(self, line: str) -> None:
        with contextlib.suppress(BrokenPipeError):  # `check` notices
            self._pipe.write(f"{line}\n".encode())
            self._pipe.flush()


def _spawn() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-IS", __file__]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603 - this very file


def end_group(group: int) -> None:
    """Kill what is left of a process group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS says the latter of a group of zombies
        os.killpg(group, signal.SIGKILL)


def main() -> None:
    """Keep the list; at the end of the pipe, end what is on it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin.buffer:
        (groups.add if line.startswith(b"+") else groups.discard)(int(line[1:]))
    for group in groups:
        end_group(group)


if __name__ == "__main__":
    main()

"""Tiny real processes to supervise."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from millrace.runtime.embedded.part import Part
from millrace.runtime.supervision.backoff import Backoff
from millrace.runtime.supervision.supervisor import Happening, Supervisor

SLEEPS = "import time; time.sleep(60)"

SAYS_WHEN_IT_STOPS = """
import signal, sys, time
def stop(*_):
    open(sys.argv[1], "a").write(sys.argv[2] + " told\\n")
    time.sleep(0.2)
    open(sys.argv[1], "a").write(sys.argv[2] + " ended\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
open(sys.argv[1] + "." + sys.argv[2], "w").close()
time.sleep(60)
"""

DEAF = """
import signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(sys.argv[1], "w").close()
time.sleep(60)
"""


def part(
    name: str,
    script: str = SLEEPS,
    *arguments: object,
    order: int = 0,
    stops: int = 3,
    ready: Callable[[], bool] = lambda: True,
    health: str = "",
) -> Part:
    """A part that is a line or two of Python."""
    argv = [sys.executable, "-IS", "-c", script, *map(str, arguments)]
    return Part(name=name, argv=argv, env={}, address="-", ready=ready, order=order, stops=stops, health=health)


class Watched:
    """A supervisor, and all it told."""

    def __init__(self, *parts: Part, logs: Path, stop_within: float = 3.0, first_wait: float = 0.05) -> None:
        self.told: list[Happening] = []
        self.supervisor = Supervisor(
            parts, logs, self.told.append, backoff=lambda: Backoff(first=first_wait), stop_within=stop_within
        )

    def whats(self, name: str) -> list[str]:
        """What was told of one part."""
        return [it.what for it in self.told if it.part == name]

    def pid(self, name: str) -> int | None:
        """The part's process id."""
        return next(child.pid for child in self.supervisor.children if child.part.name == name)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Watched]:
        """Run it for the body; afterwards all has stopped."""
        task = asyncio.create_task(self.supervisor.run())
        try:
            yield self
        finally:
            self.supervisor.stop()
            await task


async def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        await asyncio.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False

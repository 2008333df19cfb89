"""Pace: a recording is replayed by its own time, faster or slower."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from millrace.domain.times import SECOND, Micros


class Clock(Protocol):
    """A clock and the way to wait by it."""

    def now(self) -> float:
        """Return seconds that never go back."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """This machine's clock."""

    def now(self) -> float:
        """Return seconds since some moment, never going back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class Pace:
    """Says which facts are due: `speed` seconds of the stream a second, counted from an anchor; 0 is unpaced."""

    def __init__(self, speed: float, clock: Clock) -> None:
        self._speed = speed
        self._clock = clock
        self._began = 0.0
        self._from: Micros = 0

    def anchor(self, at: Micros) -> None:
        """Let the stream stand at a moment now: at a start, and after the replay was held back."""
        self._began = self._clock.now()
        self._from = at

    def due(self, at: Micros) -> bool:
        """Tell whether a fact that could be known at a moment is to be sent by now."""
        return self.wait(at) <= 0

    def wait(self, at: Micros) -> float:
        """Return the seconds until a moment of the stream comes; 0 or less when it has come."""
        if self._speed == 0:
            return 0.0
        return (at - self._from) / SECOND / self._speed - (self._clock.now() - self._began)

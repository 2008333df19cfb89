"""How long to wait before a part that died is started again."""

from __future__ import annotations

import math

FIRST = 0.2
LONGEST = 15.0
HEALTHY = 30.0
"""Seconds after which a part that died has shown that it can live: the next restart is quick again."""


class Backoff:
    """Doubles from one death to the next; forgets after a healthy while."""

    def __init__(self, first: float = FIRST, longest: float = LONGEST, healthy: float = HEALTHY) -> None:
        self._first = first
        self._longest = longest
        self._healthy = healthy
        self._deaths = 0

    def died(self, lived: float) -> float:
        """Return the seconds to wait, given for how many seconds the part lived."""
        if lived >= self._healthy:
            self._deaths = 0
        wait = self._first * math.pow(2, min(self._deaths, 30))
        self._deaths += 1
        return min(wait, self._longest)

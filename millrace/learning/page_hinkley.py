"""Drift of an error: Page's cumulative sum test, in the form known as Page-Hinkley (Page, 1954; Hinkley, 1971).

The sum of how much worse than usual each prediction was, less an allowance, never below nothing; when it has grown past a
threshold the error has risen. "Usual" is by part of the day and moves along slowly; one error counts for at most `CLIP`
deviations, so that a single wild one says nothing.
"""

from __future__ import annotations

import math
from typing import Any

from millrace.domain.times import Micros
from millrace.learning.psi import PARTS_OF_DAY, QUIET_DAYS, part_of_day

WARM_UP = 3_200
"""Labels from which the usual error is learnt."""
CALIBRATION = 3_200
"""Labels after that in which nothing is said, and the threshold is found: so many at least, and until `QUIET_DAYS` have passed
since the beginning; but of a faster stream"""
CALIBRATION_AT_MOST = 12_800
"""so many labels at most."""
ALLOWANCE = 0.7
"""Standard deviations of a group's mean by which it may be worse for ever."""
LEAST = 76.0
"""The least threshold, in deviations of a single error: one that rises by half a deviation is found in 300 labels."""
MARGIN = 2.5
"""The threshold as a multiple of the highest sum of the calibration."""
CLIP = 5.0
MEMORY = 4_000
"""Labels over which the usual error moves along."""


class ErrorWatch:
    """Watches one candidate's loss, by the means of small groups of labels."""

    __slots__ = ("_by_part", "_counted", "_counts", "_group", "_mean", "_quiet", "_since", "_spread", "_sum")

    def __init__(self, group: int) -> None:
        self._group = group
        self.relearn()

    def relearn(self) -> None:
        """Begin anew: what is usual is learnt from what comes now."""
        self._counted = 0
        self._since: Micros = 0
        self._mean = 0.0
        self._spread = 0.0
        self._by_part = [0.0] * PARTS_OF_DAY
        self._counts = [0] * PARTS_OF_DAY
        self._sum = 0.0
        self._quiet = 0.0

    def calm(self) -> None:
        """Begin to sum anew; what is usual stays."""
        self._sum = 0.0

    def take(self, at: Micros, loss: float, raised: float = 1.0) -> tuple[float, float] | None:
        """Take the mean loss of a group of events about a moment; return (sum, threshold) when that means drift.

        `raised` multiplies the least threshold.
        """
        self._counted += 1
        if self._counted == 1:
            self._since = at
        part = part_of_day(at)
        deviation = math.sqrt(self._spread) or 1.0
        few = MEMORY // self._group // 20
        known = self._counts[part] > few
        usual = self._by_part[part] if known else self._mean
        if self._counted > few:
            loss = min(loss, usual + CLIP * deviation)
        self._learn(part, loss)
        labels = self._counted * self._group
        if labels <= WARM_UP:
            return None
        self._sum = max(0.0, self._sum + (loss - usual) / deviation - ALLOWANCE)
        long_enough = CALIBRATION if at - self._since > QUIET_DAYS else CALIBRATION_AT_MOST
        if labels <= WARM_UP + long_enough:
            self._quiet = max(self._quiet, self._sum)
            return None
        threshold = max(raised * LEAST / math.sqrt(self._group), MARGIN * self._quiet)
        return (self._sum, threshold) if self._sum > threshold else None

    def _learn(self, part: int, loss: float) -> None:
        memory = MEMORY // self._group
        step = 1 / min(self._counted, memory)
        away = loss - self._mean
        self._mean += step * away
        self._spread += step * (away * (loss - self._mean) - self._spread)
        self._counts[part] += 1
        self._by_part[part] += (loss - self._by_part[part]) / min(self._counts[part], memory // 2)

    def __getstate__(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.__slots__)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        for name, value in zip(self.__slots__, state, strict=True):
            setattr(self, name, value)

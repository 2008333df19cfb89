"""Drift of an error: Page's cumulative sum test, in the form known as Page-Hinkley (Page, 1954; Hinkley, 1971).

The sum of how much worse than usual each prediction was, less an allowance, never below nothing; when it has grown past a
threshold the error has risen. "Usual" is by part of the day and moves along slowly; one error counts for at most `CLIP`
deviations, so that a single wild one says nothing.
"""

from __future__ import annotations

import math
from typing import Any

from millrace.learning.psi import PARTS_OF_DAY

WARM_UP = 400
"""Groups of labels from which the usual error is learnt."""
CALIBRATION = 400
"""Groups after that in which nothing is said, and the threshold is found."""
ALLOWANCE = 0.7
"""Standard deviations of a group's mean by which it may be worse for ever: of groups of 8, a quarter of a single error's."""
LEAST = 25.0
"""The least threshold, in the same deviations: an error that rises by half a single one's deviation is found in 280 labels."""
MARGIN = 1.5
"""The threshold as a multiple of the highest sum of the calibration."""
RAISED = 1.25
"""By how much the least threshold grows at each alarm: who cries often must cry louder, for a while."""
CLIP = 5.0
_CALMED = 0.5 ** (1 / 6_000)
MEMORY = 500
"""Groups over which the usual error moves along."""


class ErrorWatch:
    """Watches one candidate's loss, by the means of small groups of labels."""

    __slots__ = ("_by_part", "_counted", "_counts", "_mean", "_quiet", "_raised", "_spread", "_sum")

    def __init__(self) -> None:
        self._raised = 1.0
        self.relearn()

    def relearn(self) -> None:
        """Begin anew: what is usual is learnt from what comes now."""
        self._counted = 0
        self._mean = 0.0
        self._spread = 0.0
        self._by_part = [0.0] * PARTS_OF_DAY
        self._counts = [0] * PARTS_OF_DAY
        self._sum = 0.0
        self._quiet = 0.0

    def raise_least(self) -> None:
        """Ask for more the next time."""
        self._raised *= RAISED

    def take(self, part: int, loss: float) -> tuple[float, float] | None:
        """Take the mean loss of a group in a part of the day; return (sum, threshold) when that means drift."""
        self._counted += 1
        deviation = math.sqrt(self._spread) or 1.0
        known = self._counts[part] > MEMORY // 20
        usual = self._by_part[part] if known else self._mean
        if self._counted > MEMORY // 20:
            loss = min(loss, usual + CLIP * deviation)
        self._learn(part, loss)
        if self._counted <= WARM_UP:
            return None
        self._sum = max(0.0, self._sum + (loss - usual) / deviation - ALLOWANCE)
        if self._counted <= WARM_UP + CALIBRATION:
            self._quiet = max(self._quiet, self._sum)
            return None
        self._raised = 1 + (self._raised - 1) * _CALMED
        threshold = max(self._raised * LEAST, MARGIN * self._quiet)
        return (self._sum, threshold) if self._sum > threshold else None

    def _learn(self, part: int, loss: float) -> None:
        step = 1 / min(self._counted, MEMORY)
        away = loss - self._mean
        self._mean += step * away
        self._spread += step * (away * (loss - self._mean) - self._spread)
        self._counts[part] += 1
        self._by_part[part] += (loss - self._by_part[part]) / min(self._counts[part], MEMORY // 2)

    def __getstate__(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.__slots__)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        for name, value in zip(self.__slots__, state, strict=True):
            setattr(self, name, value)

"""Drift of one feature: the population stability index of a recent window against a reference that moves along.

PSI is the symmetric divergence sum((p - q) ln(p / q)) over bins, p of the window and q of the reference (Jeffreys, 1946; by
this name from credit scoring, Siddiqi, 2006). Numbers are binned by the reference's deciles, categories by frequency.

What repeats every day is no drift: the reference is kept by part of the day, and the window is compared with the mixture of the
parts it lies in. What a feature does anyway is no drift either: its threshold is calibrated on a stretch after the reference.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Sequence
from typing import Any

from millrace.domain.times import SECOND, Micros
from millrace.domain.usecase import Feature

PARTS_OF_DAY = 12
WINDOW = 2
"""Blocks in the recent window."""
REFERENCE = 16
"""Blocks from which the bins are cut."""
CALIBRATION = 8
"""Blocks after the reference in which nothing is said, and the threshold is found: so many at least, and"""
QUIET_DAYS: Micros = 2 * 24 * 3_600 * SECOND
"""so much stream time since the reference began, for one day is not like the next; but of a stream that is faster"""
CALIBRATION_AT_MOST = 20
"""so many blocks at most."""
PERSISTENCE = 2
"""Blocks in a row that must lie above the threshold."""
CHANCE = 3.5
"""Normal quantile of the least threshold: by chance alone a PSI passes it once in 4,000 looks, and twice in a row hardly ever."""
MARGIN = 2.0
"""The threshold as a multiple of the highest PSI of the calibration."""
RAISED = 1.25
"""By how much the least threshold grows at each alarm of a feature: one that cries often must cry louder, for a while."""
_CALMED = 0.5 ** (1 / 100)
HALF_LIFE = 32
"""Blocks in which the reference's weight halves: slow change, such as profiles that fill, is followed and not told."""
BINS = 10
SHRINK = 50.0
"""How many samples the whole reference counts for beside those of a part of the day."""
_PART: Micros = 24 * 3_600 * SECOND // PARTS_OF_DAY
_SMOOTH = 0.5
_GROWTH = 2 ** (1 / HALF_LIFE)
_TOO_HEAVY = 1e6
_LAG = 4
"""Blocks after which a PSI that led to no alarm counts as quiet."""


class FeatureWatch:
    """Watches one feature, block by block: first learns its reference, then calibrates, then compares."""

    __slots__ = (
        "_categories",
        "_counted",
        "_edges",
        "_lagging",
        "_over",
        "_pending",
        "_quiet",
        "_raised",
        "_recent",
        "_reference",
        "_since",
        "_total",
        "_weight",
    )

    def __init__(self) -> None:
        self._raised = 1.0
        self.relearn()

    def relearn(self) -> None:
        """Begin anew: forget the reference, and what was quiet."""
        self._pending: list[tuple[int, list[Feature]]] | None = []
        self._edges: list[float] | None = None
        self._categories: dict[Feature, int] = {}
        self._reference: list[list[float]] = []
        self._total: list[float] = []
        self._recent: deque[tuple[int, list[int]]] = deque()
        self._weight = 1.0
        self._counted = 0
        self._since: Micros = 0
        self._quiet = 0.0
        self._over = 0
        self._lagging: deque[float] = deque()

    def take(self, at: Micros, values: list[Feature]) -> tuple[float, float] | None:
        """Take a block of values seen about a moment; return (PSI, threshold) when that means drift."""
        part = part_of_day(at)
        if self._pending is not None:
            if not self._pending:
                self._since = at
            self._pending.append((part, values))
            if len(self._pending) == REFERENCE:
                self._begin(self._pending)
            return None
        self._recent.append((part, self._count(values)))
        if len(self._recent) <= WINDOW:
            return None
        self._follow(*self._recent.popleft())
        size = sum(sum(counts) for _, counts in self._recent)
        return self._judge(self._index(), max(size, 1), at)

    def raise_least(self) -> None:
        """Ask for more the next time."""
        self._raised *= RAISED

    def _begin(self, pending: Sequence[tuple[int, list[Feature]]]) -> None:
        values = [value for _, block in pending for value in block]
        self._cut(values)
        bins = len(self._categories) + 1 if self._edges is None else len(self._edges) + 1
        self._reference = [[0.0] * bins for _ in range(PARTS_OF_DAY)]
        self._total = [0.0] * bins
        self._pending = None
        for part, block in pending:
            self._follow(part, self._count(block))

    def _cut(self, values: list[Feature]) -> None:
        """Choose bins: deciles of numbers, the most frequent of anything else."""
        numbers = [it for it in values if isinstance(it, int | float) and not isinstance(it, bool)]
        if len(numbers) == len(values) and values:
            numbers.sort()
            deciles = (numbers[len(numbers) * i // BINS] for i in range(1, BINS))
            self._edges = sorted({float(it) for it in deciles if it > numbers[0]})
        else:
            frequent = sorted(Counter(values).items(), key=lambda it: (-it[1], str(it[0])))
            self._categories = {value: at for at, (value, _) in enumerate(frequent[: BINS - 1])}

    def _count(self, values: list[Feature]) -> list[int]:
        if self._edges is None:
            other, known = len(self._categories), self._categories
            counts = [0] * (other + 1)
            for value in values:
                counts[known.get(value, other)] += 1
            return counts
        edges = self._edges
        counts = [0] * (len(edges) + 1)
        for value in values:
            counts[bisect_right(edges, value) if isinstance(value, int | float) else -1] += 1
        return counts

    def _follow(self, part: int, counts: list[int]) -> None:
        """Take a block into the reference; instead of letting old ones fade, new ones weigh ever more."""
        self._weight *= _GROWTH
        own, total, weight = self._reference[part], self._total, self._weight
        for at, count in enumerate(counts):
            own[at] += count * weight
            total[at] += count * weight
        if weight > _TOO_HEAVY:
            self._reference = [[it / weight for it in its] for its in self._reference]
            self._total = [it / weight for it in total]
            self._weight = 1.0

    def _index(self) -> float:
        """Return the PSI of the recent window against what is usual in its parts of the day."""
        sizes: dict[int, int] = {}
        observed = [0] * len(self._total)
        for part, counts in self._recent:
            sizes[part] = sizes.get(part, 0) + sum(counts)
            observed = [a + b for a, b in zip(observed, counts, strict=True)]
        shrink = SHRINK * self._weight
        whole = sum(self._total) or 1.0
        expected = [0.0] * len(observed)
        for part, size in sizes.items():
            own = self._reference[part]
            share = size / (sum(own) + shrink)
            rest = shrink / whole
            expected = [e + share * (o + rest * t) for e, o, t in zip(expected, own, self._total, strict=True)]
        n = sum(observed) + _SMOOTH * len(observed)
        index = 0.0
        for seen, wanted in zip(observed, expected, strict=True):
            index += (seen - wanted) * math.log((seen + _SMOOTH) / (wanted + _SMOOTH))
        return index / n

    def _judge(self, index: float, size: int, at: Micros) -> tuple[float, float] | None:
        self._counted += 1
        if self._counted <= (CALIBRATION if at - self._since > QUIET_DAYS else CALIBRATION_AT_MOST):
            self._quiet = max(self._quiet, index)
            return None
        self._raised = 1 + (self._raised - 1) * _CALMED
        bins = sum(it > 0 for it in self._total)
        threshold = max(self._raised * _by_chance(bins - 1, size), MARGIN * self._quiet)
        self._over = self._over + 1 if index > threshold else 0
        if self._over >= PERSISTENCE:
            return index, threshold
        self._lagging.append(index)
        if len(self._lagging) > _LAG:
            self._quiet = max(self._quiet, self._lagging.popleft())
        return None

    def __getstate__(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.__slots__)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        for name, value in zip(self.__slots__, state, strict=True):
            setattr(self, name, value)


def part_of_day(at: Micros) -> int:
    """Return which part of its day (UTC) a moment falls into."""
    return at // _PART % PARTS_OF_DAY


def _by_chance(freedom: int, size: int) -> float:
    """Return the PSI that a window of `size` samples passes by chance only rarely, of a feature of `freedom` + 1 bins.

    Times its size, a PSI without drift is about chi-squared; its quantile is by Wilson & Hilferty (1931).
    """
    degrees = max(freedom, 1)
    third = 2 / (9 * degrees)
    return float(degrees * (1 - third + CHANCE * third**0.5) ** 3 / size)

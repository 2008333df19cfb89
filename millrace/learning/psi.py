"""Drift of one feature: the population stability index of a recent window against a reference that moves along.

PSI is the symmetric divergence sum((p - q) ln(p / q)) over bins, p of the window and q of the reference (Jeffreys, 1946; by
this name from credit scoring, Siddiqi, 2006). Numbers are binned by quantiles of the reference that lie closer in the tails, for
what is new is mostly extreme; categories by frequency.

What repeats every day or week is no drift: the reference is kept by part of the day, on workdays and weekends, and the window is
compared with the mixture of the parts it lies in. What a feature does anyway is no drift either: its threshold is calibrated on
the windows of the reference, each against all the others, and on every quiet window after it.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from millrace.domain.times import SECOND, Micros
from millrace.domain.usecase import Feature

PARTS_OF_DAY = 12
WINDOW = 3
"""Blocks in the recent window."""
REFERENCE = 16
"""Blocks from which the reference is made: so many at least, and"""
QUIET_DAYS: Micros = 2 * 24 * 3_600 * SECOND
"""so much stream time, for one day is not like the next; but of a stream that is faster"""
REFERENCE_AT_MOST = 32
"""so many blocks at most."""
CALIBRATION = 4
"""Blocks after the reference in which nothing is said."""
PERSISTENCE = 2
"""Blocks in a row that must lie above the threshold; but"""
DOUBTLESS = 2.0
"""one that is above so many times the threshold is enough."""
CHANCE = 2.5
"""Normal quantile of the least threshold: by chance alone a PSI passes it once in 160 looks, twice in a row hardly ever."""
MARGIN = 1.75
"""The threshold as a multiple of the highest quiet PSI."""
RAISED = 1.3
"""By how much that grows at each alarm of a feature: one that cries often must cry louder, for a while."""
HALF_LIFE = 64
"""Blocks in which the reference's weight halves: slow change, such as profiles that fill, is followed and not told."""
PASSED = 12
"""Blocks in a row below the threshold after which what was told has passed."""
QUANTILES = (0.004, 0.02, 0.08, 0.25, 0.5, 0.75, 0.92, 0.98, 0.996)
BINS = len(QUANTILES) + 1
SHRINK = 30.0
"""How many samples all parts of the week count for beside those of one; and how many its twin on the other kind of day."""
_PART: Micros = 24 * 3_600 * SECOND // PARTS_OF_DAY
_SMOOTH = 0.5
_GROWTH = 2 ** (1 / HALF_LIFE)
_CALMED = 0.5 ** (1 / 400)
_TOO_HEAVY = 1e6
_LAG = 4
"""Blocks after which a PSI that led to no alarm counts as quiet."""

Counts = list[int]


class Bins(NamedTuple):
    """How values are binned: numbers at `edges`, anything else by what it is, with one bin for all that is not `known`."""

    edges: list[float] | None
    known: dict[Feature, int]

    @classmethod
    def cut(cls, values: list[Feature]) -> Bins:
        """Choose bins for values: quantiles of numbers, the most frequent of anything else."""
        numbers = [it for it in values if isinstance(it, int | float) and not isinstance(it, bool)]
        if len(numbers) == len(values) and values:
            numbers.sort()
            quantiles = (numbers[int(len(numbers) * it)] for it in QUANTILES)
            return cls(sorted({float(it) for it in quantiles if it > numbers[0]}), {})
        frequent = sorted(Counter(values).items(), key=lambda it: (-it[1], str(it[0])))
        return cls(None, {value: at for at, (value, _) in enumerate(frequent[: BINS - 1])})

    @property
    def size(self) -> int:
        """How many bins there are."""
        return len(self.known if self.edges is None else self.edges) + 1

    def counts(self, values: Sequence[Feature]) -> Counts:
        """Return how many values lie in each bin; where numbers are binned, what is none goes to the last."""
        if self.edges is None:
            known, counts = self.known, [0] * self.size
            for value in values:
                counts[known.get(value, -1)] += 1
            return counts
        numbers = sorted([it for it in values if isinstance(it, int | float)])
        below = [0, *[bisect_left(numbers, edge) for edge in self.edges], len(numbers)]
        counts = [b - a for a, b in pairwise(below)]
        counts[-1] += len(values) - len(numbers)
        return counts


class Reference:
    """What is usual, by part of the week; instead of letting old blocks fade, new ones weigh ever more."""

    __slots__ = ("_parts", "_total", "_weight")

    def __init__(self, size: int) -> None:
        self._parts = [[0.0] * size for _ in range(2 * PARTS_OF_DAY)]
        self._total = [0.0] * size
        self._weight = 1.0

    def add(self, part: int, counts: Counts, times: float = 1.0) -> None:
        """Take in a block as old as the others; with `times=-1` take it out again."""
        own, total, weight = self._parts[part], self._total, self._weight * times
        for at, count in enumerate(counts):
            if count:
                own[at] += count * weight
                total[at] += count * weight

    def follow(self, part: int, counts: Counts) -> None:
        """Take in a newer block."""
        self._weight *= _GROWTH
        self.add(part, counts)
        if self._weight > _TOO_HEAVY:
            self._parts = [[it / self._weight for it in its] for its in self._parts]
            self._total = [it / self._weight for it in self._total]
            self._weight = 1.0

    def index(self, window: Sequence[tuple[int, Counts]]) -> float:
        """Return the PSI of a window against what is usual in its parts of the week."""
        sizes: dict[int, int] = {}
        observed = [0] * len(self._total)
        for part, counts in window:
            sizes[part] = sizes.get(part, 0) + sum(counts)
            observed = [a + b for a, b in zip(observed, counts, strict=True)]
        expected = [0.0] * len(observed)
        for part, size in sizes.items():
            expected = [a + size * b for a, b in zip(expected, self._usual(part), strict=True)]
        index = 0.0
        for seen, wanted in zip(observed, expected, strict=True):
            index += (seen - wanted) * math.log((seen + _SMOOTH) / (max(wanted, 0.0) + _SMOOTH))
        return index / (sum(observed) + _SMOOTH * len(observed))

    def _usual(self, part: int) -> list[float]:
        """Return the shares in a part of the week, drawn towards its twin on the other kind of day and towards all parts."""
        own, twin = self._parts[part], self._parts[(part + PARTS_OF_DAY) % (2 * PARTS_OF_DAY)]
        shrink = SHRINK * self._weight
        of_twin, of_all = shrink / max(sum(twin), shrink), shrink / (sum(self._total) or 1.0)
        mixed = [a + of_twin * b + of_all * c for a, b, c in zip(own, twin, self._total, strict=True)]
        whole = sum(mixed) or 1.0
        return [it / whole for it in mixed]

    def by_chance(self, size: int) -> float:
        """Return the PSI that a window of `size` samples passes by chance only rarely.

        Times its size, a PSI without drift is about chi-squared; its quantile is by Wilson & Hilferty (1931).
        """
        degrees = max(sum(it > 0 for it in self._total) - 1, 1)
        third = 2 / (9 * degrees)
        return float(degrees * (1 - third + CHANCE * third**0.5) ** 3 / max(size, 1))

    def __getstate__(self) -> tuple[Any, ...]:
        return self._parts, self._total, self._weight

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._parts, self._total, self._weight = state


class FeatureWatch:
    """Watches one feature, block by block: first learns its reference, then compares.

    After an alarm it says nothing until the change has passed. One that lasts becomes the new reference.
    """

    __slots__ = (
        "_below",
        "_bins",
        "_counted",
        "_lagging",
        "_over",
        "_pending",
        "_quiet",
        "_recent",
        "_reference",
        "_since",
    )

    def __init__(self) -> None:
        self._pending: list[tuple[int, list[Feature]]] | None = []
        self._reference: Reference | None = None
        self._bins = Bins(None, {})
        self._recent: deque[tuple[int, Counts]] = deque()
        self._lagging: deque[float] = deque()
        self._since: Micros = 0
        self._counted = self._over = self._below = 0
        self._quiet = 0.0

    def take(self, at: Micros, values: list[Feature]) -> tuple[float, float] | None:
        """Take a block of values seen about a moment; return (PSI, threshold) when that means drift."""
        part = part_of_week(at)
        if self._pending is not None:
            self._since = self._since if self._pending else at
            self._pending.append((part, values))
        if self._reference is None:
            self._begin_when_enough(at)
            return None
        self._recent.append((part, self._bins.counts(values)))
        if len(self._recent) <= WINDOW:
            return None
        self._reference.follow(*self._recent.popleft())
        index = self._reference.index(self._recent)
        size = sum(sum(counts) for _, counts in self._recent)
        self._quiet *= _CALMED
        threshold = max(self._reference.by_chance(size), MARGIN * self._quiet)
        if self._pending is None:
            return self._judge(index, threshold)
        self._wait(index, threshold, at)
        return None

    def _begin_when_enough(self, at: Micros) -> None:
        blocks = self._pending or []
        if len(blocks) >= REFERENCE and (at - self._since > QUIET_DAYS or len(blocks) >= REFERENCE_AT_MOST):
            self._begin(blocks)

    def _begin(self, blocks: list[tuple[int, list[Feature]]]) -> None:
        """Make a reference of blocks, and hold each window of them against all others."""
        self._bins = Bins.cut([value for _, values in blocks for value in values])
        reference = self._reference = Reference(self._bins.size)
        counted = [(part, self._bins.counts(values)) for part, values in blocks]
        for block in counted:
            reference.add(*block)
        for first in range(len(counted) - WINDOW + 1):
            self._quiet = max(self._quiet, _apart(reference, counted[first : first + WINDOW]))
        self._recent = deque(counted[-WINDOW:])
        for block in self._recent:
            reference.add(*block, times=-1.0)
        self._lagging.clear()
        self._counted = self._over = 0
        self._pending = None

    def _judge(self, index: float, threshold: float) -> tuple[float, float] | None:
        self._counted += 1
        if self._counted <= CALIBRATION:
            self._quiet = max(self._quiet, index)
            return None
        self._over = self._over + 1 if index > threshold else 0
        if self._over >= PERSISTENCE or index > DOUBTLESS * threshold:
            self._quiet = RAISED * max(self._quiet, threshold / MARGIN)
            self._pending, self._below = [], 0
            self._lagging.clear()
            return index, threshold
        self._lagging.append(index)
        if len(self._lagging) > _LAG:
            self._quiet = max(self._quiet, self._lagging.popleft())
        return None

    def _wait(self, index: float, threshold: float, at: Micros) -> None:
        """After an alarm: see whether the change passes, or lasts and becomes what is usual."""
        self._below = self._below + 1 if index <= threshold else 0
        if self._below >= PASSED:
            self._pending, self._over = None, 0
        else:
            self._begin_when_enough(at)

    def __getstate__(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.__slots__)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        for name, value in zip(self.__slots__, state, strict=True):
            setattr(self, name, value)


def part_of_week(at: Micros) -> int:
    """Return which part of its day (UTC) a moment falls into; those of Saturdays and Sundays are counted on."""
    day, part = divmod(at // _PART, PARTS_OF_DAY)
    return int(part + PARTS_OF_DAY) if (day + 3) % 7 >= 5 else int(part)  # the first day, 1970-01-01, was a Thursday


def _apart(reference: Reference, window: Sequence[tuple[int, Counts]]) -> float:
    """Return the PSI of a window of the reference against the rest of it."""
    for block in window:
        reference.add(*block, times=-1.0)
    index = reference.index(window)
    for block in window:
        reference.add(*block)
    return index

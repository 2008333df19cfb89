"""Drift of an error: Page's cumulative sum test, in the form known as Page-Hinkley (Page, 1954; Hinkley, 1971).

The sum of how much worse than usual the errors were, less an allowance, never below nothing; when it has grown past a threshold
the error has risen. "Usual" is by part of the day, on workdays and weekends, and moves along slowly.

The threshold follows from a budget of false alarms, as the peaks over a threshold do in the theory of extremes (Pickands, 1975;
for streams, Siffer et al., 2017): the sum of a quiet stream rises and falls again, and how far such a rise goes above a high
level is about exponential (Siegmund, 1985). How often rises pass the level, and how far they go, is learnt from the stream all
along: where errors come in waves the threshold is higher, and an alarm raises it a little and makes nobody deaf.
"""

from __future__ import annotations

import math
from typing import Any

from millrace.domain.times import SECOND, Micros
from millrace.learning.psi import PARTS_OF_DAY, QUIET_DAYS, part_of_week

WARM_UP = 3_200
"""Labels from which the usual error is learnt."""
CALIBRATION = 3_200
"""Labels after that in which nothing is said: so many at least, and until `QUIET_DAYS` have passed since the beginning; but of a
faster stream"""
CALIBRATION_AT_MOST = 12_800
"""so many labels at most."""
ALLOWANCE = 0.7
"""Standard deviations of a group's mean by which it may be worse for ever."""
HIGH = 42.0
"""The level above which rises are learnt from, in deviations of a single error."""
BUDGET = 0.05
"""False alarms a week of stream time that are allowed to one watch."""
EXPECTED, OF_RISES = 50.0, 8.0
"""How far rises are expected to go above the level, in deviations of a single error, and for how many rises that counts."""
FAR = 3.0
"""By how many times what is expected one rise is learnt from at most: a drift says little about quiet days."""
MILDEST = 0.25
"""The least share of all that, for a stream whose errors are so independent that its sums never came near the level."""
REMEMBERED: Micros = 28 * 24 * 3_600 * SECOND
"""Stream time over which rises are counted."""
CLIP = 5.0
"""Deviations for which one group counts at most, so that a single wild error says nothing."""
MEMORY = 4_000
"""Labels over which the usual error moves along,"""
OF_A_PART = 5_000
"""that of one part of the week,"""
LEVEL = 6_000
"""and how much all parts are above or below what they were."""
STEP = 12_000
"""Labels over which the step that was told is forgotten: by then it is usual, or it has passed."""
FALLEN = 15.0
"""Sum of deviations below that step at which what was told has passed."""
FEW = 160
"""Labels of a part of the week from which its own mean is taken for usual."""
_DAY: Micros = 24 * 3_600 * SECOND
_WEEK: Micros = 7 * _DAY


class ErrorWatch:
    """Watches the loss of one who competes, by the means of small groups of labels."""

    __slots__ = (
        "_beyond",
        "_counted",
        "_counts",
        "_fall",
        "_few",
        "_group",
        "_high",
        "_highest",
        "_last",
        "_length",
        "_level",
        "_mean",
        "_means",
        "_peak",
        "_rises",
        "_since",
        "_spread",
        "_spreads",
        "_step",
        "_sum",
        "_watched",
    )

    def __init__(self, group: int) -> None:
        parts = 2 * PARTS_OF_DAY
        self._group = group
        self._few = FEW // group
        self._high = HIGH / math.sqrt(group)
        self._counted = 0
        self._since: Micros = 0
        self._last: Micros = 0
        self._mean = self._spread = self._level = 0.0
        self._means, self._spreads, self._counts = [0.0] * parts, [0.0] * parts, [0] * parts
        self._sum = self._peak = self._fall = self._step = self._highest = 0.0
        self._length = 0
        self._rises = self._beyond = 0.0
        self._watched: Micros = 0

    def take(self, at: Micros, loss: float) -> tuple[float, float] | None:
        """Take the mean loss of a group of events about a moment; return (sum, threshold) when that means drift."""
        if not self._counted:
            self._since = self._last = at
        self._counted += 1
        away = self._away(part_of_week(at), loss)
        labels = self._counted * self._group
        if labels <= WARM_UP:
            return None
        self._level += away * self._group / LEVEL
        if self._step:
            away = self._above_the_step(away, at)
        total = self._sum + away - ALLOWANCE
        if total <= 0:
            if self._length:
                self._subside(at)
            return None
        self._sum = total
        self._length += 1
        if total > self._peak:
            self._peak = total
        return self._judge(at) if total > MILDEST * self._high else None

    def _away(self, part: int, loss: float) -> float:
        """Return by how many deviations a loss is away from what is usual, and learn what is usual from it."""
        few = self._few
        known = part if self._counts[part] > few else (part + PARTS_OF_DAY) % (2 * PARTS_OF_DAY)
        usual, spread = self._mean, self._spread
        if self._counts[known] > few:
            usual = self._means[known]
            if self._spreads[known] > 0.25 * spread:
                spread = self._spreads[known]
            else:
                spread *= 0.25
        least = 1e-18 * usual * usual
        deviation = math.sqrt(spread if spread > least else least) or 1.0
        usual += self._level * deviation
        if self._counted <= few:
            self._learn(part, loss)
            return 0.0
        away = (loss - usual) / deviation
        if not -CLIP < away < CLIP:
            away = math.copysign(CLIP, away)
            loss = usual + away * deviation
        self._learn(part, loss)
        return away

    def _learn(self, part: int, loss: float) -> None:
        step, away = 1 / min(self._counted, MEMORY // self._group), loss - self._mean
        self._mean += step * away
        self._spread += step * (away * (loss - self._mean) - self._spread)
        counted = self._counts[part] = self._counts[part] + 1
        mean = self._means[part]
        step, away = 1 / min(counted, OF_A_PART // self._group), loss - mean
        self._means[part] = mean = mean + step * away
        self._spreads[part] += step * (away * (loss - mean) - self._spreads[part])

    def _above_the_step(self, away: float, at: Micros) -> float:
        self._step *= 1 - self._group / STEP
        away -= self._step
        self._fall = max(0.0, self._fall - away - ALLOWANCE)
        if self._fall > FALLEN:  # what was told has passed
            self._step = self._fall = 0.0
            self._subside(at)
        return away

    def _judge(self, at: Micros) -> tuple[float, float] | None:
        long_enough = CALIBRATION if at - self._since > QUIET_DAYS else CALIBRATION_AT_MOST
        if self._counted * self._group <= WARM_UP + long_enough:
            return None
        found, threshold = self._sum, self._threshold(at)
        if found <= threshold:
            return None
        self._step += found / self._length + ALLOWANCE
        self._fall = 0.0
        self._subside(at)
        return found, threshold

    def _subside(self, at: Micros) -> None:
        """A rise is over: learn from it how far they go."""
        self._highest = max(self._highest, self._peak)
        beyond = self._peak - self._high
        if beyond > 0:
            self._pass(at)
            self._beyond += min(beyond, FAR * self._usually_beyond())
            self._rises += 1
        self._sum = self._peak = 0.0
        self._length = 0

    def _pass(self, at: Micros) -> None:
        """Let stream time pass: the oldest rises count less."""
        self._watched += max(at - self._last, 0)
        self._last = max(at, self._last)
        if self._watched > REMEMBERED:
            kept = REMEMBERED / self._watched
            self._watched, self._rises, self._beyond = REMEMBERED, self._rises * kept, self._beyond * kept

    def _usually_beyond(self) -> float:
        expected = EXPECTED / math.sqrt(self._group)
        return (OF_RISES * expected + self._beyond) / (OF_RISES + self._rises)

    def _threshold(self, at: Micros) -> float:
        """Return the sum that the rises of a quiet stream pass `BUDGET` times a week; less where none has come to the level."""
        self._pass(at)
        weekly = (self._rises + 0.5) * _WEEK / max(self._watched, _DAY)
        threshold = self._high + self._usually_beyond() * math.log(max(weekly / BUDGET, 1.5))
        return threshold * min(max(self._highest / self._high, MILDEST), 1.0)

    def __getstate__(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.__slots__)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        for name, value in zip(self.__slots__, state, strict=True):
            setattr(self, name, value)

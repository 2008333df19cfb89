"""Tumbling windows over the time events occurred at, by segment, in bounded memory. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from heapq import nsmallest
from typing import NamedTuple

from millrace.domain import views
from millrace.domain.times import SECOND, Micros, moment


class Outcome(NamedTuple):
    """One answer as it is counted. `error` is of what the use case's task calls an error; `truth` is a number."""

    value: float | None
    positive: bool | None
    group: str | None
    truth: float | None = None
    error: float | None = None


_SUMS = ("answers", "valued", "total", "decided", "positive", "truths", "truth", "errors", "error")


class Cell:
    """Counts and sums. What was added can be taken back: an answer that is given anew replaces the one before."""

    __slots__ = (*_SUMS, "groups")

    def __init__(self) -> None:
        self.answers = self.valued = self.decided = self.positive = self.truths = self.errors = 0
        self.total = self.truth = self.error = 0.0
        self.groups: Counter[str] = Counter()

    def answer(self, it: Outcome, sign: int) -> None:
        """Count an answer (`sign` 1), or take it back (-1)."""
        self.answers += sign
        if it.group is not None:
            self.groups[it.group] += sign
        elif it.value is not None:
            self.valued += sign
            self.total += sign * it.value
        if it.positive is not None:
            self.decided += sign
            self.positive += sign * it.positive

    def settle(self, it: Outcome, sign: int) -> None:
        """Count an answer's truth, or take it back."""
        self.truths += sign
        if it.truth is not None:
            self.truth += sign * it.truth
        if it.error is not None:
            self.errors += sign
            self.error += sign * it.error

    def less(self, cells: Sequence[Cell]) -> Cell:
        """Return what is left of this cell without what some of its parts counted."""
        left = Cell()
        left.groups = self.groups.copy()
        for name in _SUMS:
            setattr(left, name, getattr(self, name) - sum(getattr(cell, name) for cell in cells))
        for cell in cells:
            left.groups.subtract(cell.groups)
        return left

    def shown(self) -> views.Cell:
        """Return the cell as it is published."""
        return views.Cell(
            answers=self.answers,
            mean=_share(self.total, self.valued),
            positive=_share(self.positive, self.decided),
            groups={name: count for name, count in self.groups.most_common() if count > 0},
            truths=self.truths,
            truth_mean=None if self.groups else _share(self.truth, self.truths),
            error=_share(self.error, self.errors),
        )


def _share(part: float, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None


class Window:
    """One window: all of it, and by segment as far as there is room."""

    def __init__(self, segments: int) -> None:
        self._most = segments
        self._all = Cell()
        self._segments: dict[str, Cell] = {}
        self._scores: dict[str, float] = {}
        self._shown: views.Window | None = None

    def cells(self, segment: str) -> Iterator[Cell]:
        """Yield where an answer of a segment counts: one that found no room finds none later."""
        self._shown = None
        yield self._all
        if segment in self._segments or len(self._segments) < self._most:
            yield self._segments.setdefault(segment, Cell())

    def score(self, scores: dict[str, float]) -> None:
        """Take how those who compete stand."""
        self._shown, self._scores = None, scores

    def shown(self, start: Micros, most: int) -> views.Window:
        """Return the window as it is published, with at most so many segments: those with most answers."""
        if self._shown is None:
            ranked = nsmallest(most, self._segments.items(), key=lambda it: (-it[1].answers, it[0]))
            rest = self._all.less([cell for _, cell in ranked])
            self._shown = views.Window(
                start=moment(start),
                all=self._all.shown(),
                segments={name: cell.shown() for name, cell in ranked},
                others=rest.shown() if rest.answers else None,
                scores=self._scores,
            )
        return self._shown


class Tumbling:
    """The newest windows of one length that hold anything.

    They end with the stream's time, not the wall's: a replay of another year has its windows, and one that runs at many
    times its speed the same ones.
    """

    def __init__(self, seconds: int, *, kept: int, segments: int) -> None:
        self._size = seconds * SECOND
        self._kept = kept
        self._segments = segments
        self._windows: dict[Micros, Window] = {}

    def at(self, time: Micros) -> Window | None:
        """Return the window of a moment, or `None` when it is older than all that are kept."""
        start = time - time % self._size
        found = self._windows.get(start)
        return found or self._made(start)

    def _made(self, start: Micros) -> Window | None:
        full = len(self._windows) >= self._kept
        oldest = min(self._windows) if full else start
        if start < oldest:
            return None
        if full:
            del self._windows[oldest]
        found = self._windows[start] = Window(self._segments)
        return found

    def shown(self, segments: int) -> list[views.Window]:
        """Return the windows as they are published, newest first."""
        return [self._windows[start].shown(start, segments) for start in sorted(self._windows, reverse=True)]

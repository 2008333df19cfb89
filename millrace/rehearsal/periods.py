"""Cuts a rehearsal into periods: months of the stream, and stretches of so many labels."""

from __future__ import annotations

from collections.abc import Mapping

from millrace.domain.times import Micros, moment
from millrace.learning.scores import Score
from millrace.learning.shard import Shard
from millrace.rehearsal.oracle import Oracle
from millrace.rehearsal.report import ORACLE, Month, Stretch

STRETCH = 5_000
"""Settled labels a stretch of a simulated stream's course."""


class _Scores:
    """Scores that are cut into periods: what was settled since the last cut."""

    def __init__(self, scores: Mapping[str, Score]) -> None:
        self._scores = scores
        self._before = self._twins()

    def settled(self) -> int:
        """Return how many labels were settled since the last cut."""
        return max(score.labels - self._before[name].labels for name, score in self._scores.items())

    def cut(self) -> dict[str, float]:
        """Return everyone's metric since the last cut, and begin the next period."""
        since = {name: score.since(self._before[name]) for name, score in self._scores.items()}  # type: ignore[arg-type]
        metric = next(iter(self._scores.values())).metric
        self._before = self._twins()
        return {name: metrics[metric] for name, metrics in since.items() if metric in metrics}

    def _twins(self) -> dict[str, Score]:
        return {name: score.twin() for name, score in self._scores.items()}


class Course:
    """Cuts a simulated stream into stretches of so many labels."""

    def __init__(self, shard: Shard, oracle: Oracle | None) -> None:
        known = {ORACLE: oracle.score} if oracle else {}
        self._scores = _Scores({**shard.learner.contest.scores, **known})
        self._until = 0
        self.found: list[Stretch] = []

    def turn(self) -> None:
        """Close the stretch when it is long enough."""
        if self._scores.settled() >= STRETCH:
            self.close()

    def close(self) -> None:
        """Note the scores of what was settled since the last close."""
        settled = self._scores.settled()
        if settled:
            self._until += settled
            self.found.append(Stretch(self._until, settled, self._scores.cut()))


class Months:
    """Scores each month of the stream by its own labels."""

    def __init__(self, shard: Shard) -> None:
        self._scores = _Scores(shard.learner.contest.scores)
        self._month = ""
        self.found: list[Month] = []

    def turn(self, at: Micros) -> None:
        """Close the month when a batch begins in another."""
        month = moment(at).strftime("%Y-%m")
        if month != self._month:
            self.close()
            self._month = month

    def close(self) -> None:
        """Note the scores of what was settled since the last close."""
        settled = self._scores.settled()
        if settled:
            self.found.append(Month(self._month, settled, self._scores.cut()))

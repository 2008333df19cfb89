"""Prequential metrics (Gama, Sebastião, Rodrigues, 2013): each prediction is scored before anything is learnt from it.

Metrics follow the task. A regression has `mae`, `rmse` and `r2`; a classification those of `learning.classification`, a
clustering those of `learning.cluster_scores`. The one that ranks is a score's `metric`; which way each is better is said in
`domain.metrics`.
"""

from __future__ import annotations

import copy
import math
from collections import deque
from typing import Any

from millrace.learning.classification import ClassificationScore
from millrace.learning.cluster_scores import ClusterScore

RECENT = 1_000
"""How many labels the recent window holds."""


class RegressionScore:
    """How one who predicts a number has done. Errors are in the target's unit."""

    metric = "mae"
    scorecard_every = 200
    """Labels between two scorecards."""

    __slots__ = ("_mean", "_recent", "_recent_sum", "_spread", "absolute", "labels", "squared")

    def __init__(self, _act_at: float = 0.0) -> None:
        self.labels = 0
        self.absolute = 0.0
        self.squared = 0.0
        self._mean = 0.0
        self._spread = 0.0
        self._recent: deque[float] = deque(maxlen=RECENT)
        self._recent_sum = 0.0

    def add(self, predicted: float, truth: float) -> float:
        """Score one prediction; return its loss, the absolute error."""
        error = predicted - truth
        loss = error if error >= 0 else -error
        self.labels += 1
        self.absolute += loss
        self.squared += error * error
        away = truth - self._mean
        self._mean += away / self.labels
        self._spread += away * (truth - self._mean)
        if len(self._recent) == RECENT:
            self._recent_sum -= self._recent[0]
        self._recent.append(loss)
        self._recent_sum += loss
        return loss

    def overall(self) -> dict[str, float]:
        """Return the metrics over everything."""
        if not self.labels:
            return {}
        return {**self.since(None), "r2": 1 - self.squared / self._spread if self._spread else 0.0}

    def since(self, before: RegressionScore | None) -> dict[str, float]:
        """Return `mae` and `rmse` over what came after an earlier copy; over everything without one."""
        then = before or RegressionScore()
        labels = self.labels - then.labels
        if not labels:
            return {}
        return {
            "mae": (self.absolute - then.absolute) / labels,
            "rmse": math.sqrt(max(self.squared - then.squared, 0.0) / labels),
        }

    def twin(self) -> RegressionScore:
        """Return a copy that further labels do not change, for `since`."""
        return copy.deepcopy(self)

    def recent(self) -> dict[str, float]:
        """Return the metric over the recent window."""
        return {"mae": self._recent_sum / len(self._recent)} if self._recent else {}

    def __getstate__(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.__slots__)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        for name, value in zip(self.__slots__, state, strict=True):
            setattr(self, name, value)


Score = RegressionScore | ClassificationScore | ClusterScore


class Duel:
    """A candidate's loss minus the champion's on the same events, over the recent window."""

    __slots__ = ("_differences", "_sum")

    def __init__(self) -> None:
        self._differences: deque[float] = deque(maxlen=RECENT)
        self._sum = 0.0

    def add(self, difference: float) -> None:
        """Add one event both have predicted."""
        if len(self._differences) == RECENT:
            self._sum -= self._differences[0]
        self._differences.append(difference)
        self._sum += difference

    def mean(self) -> float | None:
        """Return the mean difference, below 0 when the candidate is better; `None` before the first."""
        return self._sum / len(self._differences) if self._differences else None

    def __getstate__(self) -> tuple[deque[float], float]:
        return self._differences, self._sum

    def __setstate__(self, state: tuple[deque[float], float]) -> None:
        self._differences, self._sum = state

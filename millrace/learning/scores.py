"""Prequential metrics (Gama, Sebastião, Rodrigues, 2013): each prediction is scored before anything is learnt from it.

Metrics follow the task. A regression has `mae`, `rmse` and `r2`; a classification `log_loss`, `brier`, `accuracy` and
`recall`, `precision` at `act_at`. Lower is better for the first of each.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Any

RECENT = 1_000
"""How many labels the recent window holds."""


class RegressionScore:
    """How one who predicts a number has done. Errors are in the target's unit."""

    metric = "mae"

    __slots__ = ("_absolute", "_mean", "_recent", "_recent_sum", "_spread", "_squared", "labels")

    def __init__(self, _act_at: float = 0.0) -> None:
        self.labels = 0
        self._absolute = 0.0
        self._squared = 0.0
        self._mean = 0.0
        self._spread = 0.0
        self._recent: deque[float] = deque(maxlen=RECENT)
        self._recent_sum = 0.0

    def add(self, predicted: float, truth: float) -> float:
        """Score one prediction; return its loss, the absolute error."""
        error = predicted - truth
        loss = error if error >= 0 else -error
        self.labels += 1
        self._absolute += loss
        self._squared += error * error
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
        return {
            "mae": self._absolute / self.labels,
            "rmse": math.sqrt(self._squared / self.labels),
            "r2": 1 - self._squared / self._spread if self._spread else 0.0,
        }

    def recent(self) -> dict[str, float]:
        """Return the metric over the recent window."""
        return {"mae": self._recent_sum / len(self._recent)} if self._recent else {}

    def __getstate__(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.__slots__)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        for name, value in zip(self.__slots__, state, strict=True):
            setattr(self, name, value)


class ClassificationScore:
    """How one who predicts the probability of yes has done."""

    metric = "log_loss"

    __slots__ = ("_act_at", "_brier", "_hits", "_log", "_recent", "_recent_sum", "labels")

    def __init__(self, act_at: float = 0.5) -> None:
        self.labels = 0
        self._act_at = act_at
        self._log = 0.0
        self._brier = 0.0
        self._hits = [0, 0, 0, 0]  # true no, false yes, missed yes, true yes
        self._recent: deque[float] = deque(maxlen=RECENT)
        self._recent_sum = 0.0

    def add(self, predicted: float, truth: float) -> float:
        """Score one probability against 0 or 1; return its loss, the negative log-likelihood."""
        right = predicted if truth else 1 - predicted
        loss = -math.log(min(max(right, 1e-9), 1.0))
        self.labels += 1
        self._log += loss
        self._brier += (predicted - truth) ** 2
        self._hits[2 * bool(truth) + (predicted >= self._act_at)] += 1
        if len(self._recent) == RECENT:
            self._recent_sum -= self._recent[0]
        self._recent.append(loss)
        self._recent_sum += loss
        return loss

    def overall(self) -> dict[str, float]:
        """Return the metrics over everything."""
        if not self.labels:
            return {}
        no, false_yes, missed, yes = self._hits
        return {
            "log_loss": self._log / self.labels,
            "brier": self._brier / self.labels,
            "accuracy": (no + yes) / self.labels,
            "precision": yes / (yes + false_yes) if yes + false_yes else 0.0,
            "recall": yes / (yes + missed) if yes + missed else 0.0,
        }

    def recent(self) -> dict[str, float]:
        """Return the metric over the recent window."""
        return {"log_loss": self._recent_sum / len(self._recent)} if self._recent else {}

    __getstate__ = RegressionScore.__getstate__
    __setstate__ = RegressionScore.__setstate__


Score = RegressionScore | ClassificationScore


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

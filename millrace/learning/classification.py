"""Prequential metrics of a yes-or-no question, which may be rare: ranking, calibration, and what acting would have meant."""

from __future__ import annotations

import copy
import math
from bisect import bisect_left
from collections import deque
from itertools import compress
from typing import Any

from millrace.learning.ranking import Ranking, exact, ranked

RECENT = 5_000
"""Labels in the recent window: where one in a hundred is a yes, fewer would hold too few of them to tell anything."""

CALIBRATION_BINS = 10
"""Bins of equal width of the expected calibration error (Naeini, Cooper & Hauskrecht, 2015)."""

SURE = 1e-9
"""A probability nearer to 0 or 1 than this is scored as this: a wrong certainty costs 20.7, not infinity."""


class ClassificationScore:
    """How one who predicts the probability of yes has done.

    Overall: `log_loss`, `brier`, `ece` (expected calibration error), `accuracy`, and `precision`, `recall`, `f2` of acting
    from `act_at` on; once there was a yes also `average_precision`, `roc_auc`, `precision_at_1pct` and `recall_at_1pct` (of
    the highest per cent). All but the counts at `act_at` are without a threshold. The ranking metrics are from bins
    (`learning.ranking`); those of the recent window are exact.
    """

    scorecard_every = 1_000
    """Labels between two scorecards: ranking a window costs too much to be done more often."""

    __slots__ = (
        "_act_at",
        "_recent",
        "_recent_log",
        "_recent_yes",
        "brier",
        "calibration",
        "hits",
        "labels",
        "log",
        "metric",
        "ranking",
    )

    def __init__(self, act_at: float = 0.5, metric: str = "average_precision") -> None:
        self.metric = metric
        self.labels = 0
        self._act_at = act_at
        self.log = 0.0
        self.brier = 0.0
        self.hits = [0, 0, 0, 0]  # true no, false yes, missed yes, true yes
        self.calibration = [0.0] * (CALIBRATION_BINS + 1)  # sums of probability minus truth
        self.ranking = Ranking()
        self._recent: deque[float] = deque(maxlen=RECENT)
        self._recent_yes: deque[bool] = deque(maxlen=RECENT)
        self._recent_log = 0.0

    def add(self, predicted: float, truth: float) -> float:
        """Score one probability against 0 or 1; return its loss, the negative log-likelihood."""
        yes = truth > 0
        p = predicted if predicted > SURE else SURE
        if p > 1 - SURE:
            p = 1 - SURE
        log_yes, log_no = math.log(p), math.log1p(-p)
        loss = -(log_yes if yes else log_no)
        self.labels += 1
        self.log += loss
        self.brier += (p - yes) ** 2
        self.hits[2 * yes + (p >= self._act_at)] += 1
        self.calibration[int(p * CALIBRATION_BINS)] += p - yes
        self.ranking.add(log_yes - log_no, p, yes)
        if len(self._recent) == RECENT:
            self._recent_log -= _loss(self._recent[0], self._recent_yes[0])
        self._recent.append(p)
        self._recent_yes.append(yes)
        self._recent_log += loss
        return loss

    def overall(self) -> dict[str, float]:
        """Return the metrics over everything. About 1 ms."""
        return self.since(None)

    def since(self, before: ClassificationScore | None) -> dict[str, float]:
        """Return the metrics over what came after an earlier copy; over everything without one."""
        then = before or ClassificationScore(self._act_at, self.metric)
        labels = self.labels - then.labels
        if not labels:
            return {}
        gaps = [abs(now - was) for now, was in zip(self.calibration, then.calibration, strict=True)]
        hits = [now - was for now, was in zip(self.hits, then.hits, strict=True)]
        return {
            "log_loss": (self.log - then.log) / labels,
            "brier": (self.brier - then.brier) / labels,
            "ece": sum(gaps) / labels,
            "accuracy": (hits[0] + hits[3]) / labels,
            **_acting(*hits[1:]),
            **ranked(self.ranking.groups(before.ranking if before else None)),
        }

    def recent(self) -> dict[str, float]:
        """Return the metrics over the recent window. About 1 ms."""
        if not self._recent:
            return {}
        yeses = sorted(compress(self._recent, self._recent_yes))
        noes = sorted(compress(self._recent, (not yes for yes in self._recent_yes)))
        missed = bisect_left(yeses, self._act_at)
        false_yes = len(noes) - bisect_left(noes, self._act_at)
        return {
            "log_loss": self._recent_log / len(self._recent),
            **_acting(false_yes, missed, len(yeses) - missed),
            **ranked(exact(noes, yeses)),
        }

    def twin(self) -> ClassificationScore:
        """Return a copy that further labels do not change, for `since`."""
        return copy.deepcopy(self)

    def __getstate__(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.__slots__)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        for name, value in zip(self.__slots__, state, strict=True):
            setattr(self, name, value)


def _loss(p: float, yes: bool) -> float:
    return -(math.log(p) if yes else math.log1p(-p))


def _acting(false_yes: int, missed: int, yes: int) -> dict[str, float]:
    """Return precision, recall and F2 (recall weighs twice as much; van Rijsbergen, 1979) of acting on a threshold."""
    return {
        "precision": yes / (yes + false_yes) if yes + false_yes else 0.0,
        "recall": yes / (yes + missed) if yes + missed else 0.0,
        "f2": 5 * yes / (5 * yes + 4 * missed + false_yes) if yes else 0.0,
    }

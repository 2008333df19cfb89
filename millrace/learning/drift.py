"""Drift: tells when features, predictions or errors do what they did not do before. Pure, deterministic, bounded.

Every eighth event is looked at, in blocks of 64: each feature, and the champion's prediction, by PSI (`learning.psi`); each
candidate's loss at every label by Page-Hinkley (`learning.page_hinkley`). False alarms have a budget, one a week of stream time:
thresholds are calibrated on the stream itself, must be passed twice in a row, and what moves together is told once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Literal, NamedTuple

from millrace.domain.times import SECOND, Micros
from millrace.domain.usecase import Feature, Features
from millrace.learning.page_hinkley import ErrorWatch
from millrace.learning.psi import FeatureWatch

SAMPLE_EVERY = 8
"""Events of which one is looked at."""
BLOCK = 64
"""Samples looked at together."""
TOGETHER = 4_096
"""Events after an alarm in which further changes belong to it."""
GROUP = 8
"""Labels whose mean loss is looked at together."""
RARE_GROUP = 32
"""The same for yes or no: where yes is rare nearly all of the loss is in a few labels, and small groups are all noise."""
RAISED = 3.0
"""By how much an alarm raises the threshold for errors: life has its bad days, and they are to be told once."""
CALMS_IN: Micros = 5 * 24 * 3_600 * SECOND
"""Stream time in which half of that is gone."""
MOST_FEATURES = 100
PREDICTION = "the champion's prediction"

What = Literal["feature", "prediction", "error"]


class Found(NamedTuple):
    """Drift of one thing: `value` is the PSI, or the sum of deviations; `also` holds what else moved, with its value."""

    what: What
    name: str
    detector: Literal["psi", "page-hinkley"]
    value: float
    threshold: float
    also: dict[str, float]


class Drift:
    """Everything that is watched of one shard."""

    def __init__(self, candidates: Iterable[str], group: int = GROUP) -> None:
        self._group = group
        self.features: dict[str, FeatureWatch] = {}
        self.errors = {name: ErrorWatch(group) for name in candidates}
        self._champion: str | None = None
        self._block: list[Features] = []
        self._middle: Micros = 0
        self._sums = dict.fromkeys(self.errors, 0.0)
        self._labels = 0
        self._quiet_events = TOGETHER
        self.folded = 0
        """Changes that came so soon after an alarm that they were not told again."""
        self._raised = 1.0
        self._raised_at: Micros = 0

    def saw(self, features: Features, champion: str | None, foreseen: Mapping[str, float], at: Micros) -> Found | None:
        """Take a sampled event (one of `SAMPLE_EVERY`); return what has drifted, after a full block."""
        if champion != self._champion:  # another one's predictions are no drift
            self._champion = champion
            self.features.pop(PREDICTION, None)
        self._quiet_events += SAMPLE_EVERY
        prediction = foreseen.get(champion or "")
        self._block.append(features if prediction is None else {**features, PREDICTION: prediction})
        if len(self._block) == BLOCK // 2:
            self._middle = at
        if len(self._block) < BLOCK:
            return None
        block, self._block = self._block, []
        return self._told(self._compared(block))

    def _compared(self, block: list[Features]) -> dict[str, tuple[float, float]]:
        moved: dict[str, tuple[float, float]] = {}
        for name in dict.fromkeys(name for features in block for name in features):
            watch = self.features.get(name)
            if watch is None:
                if len(self.features) == MOST_FEATURES:
                    continue
                watch = self.features[name] = FeatureWatch()
            found = watch.take(self._middle, _values(block, name))
            if found:
                moved[name] = found
        return moved

    def _told(self, moved: dict[str, tuple[float, float]]) -> Found | None:
        """Return one alarm for all features that have moved together; each learns anew what is usual."""
        if not moved:
            return None
        for name in moved:
            self.features[name].relearn()
            self.features[name].raise_least()
        if self._belongs_to_the_last():
            return None
        first = max(moved, key=lambda name: (name != PREDICTION, moved[name][0] / moved[name][1]))
        value, threshold = moved[first]
        also = {name: round(its[0], 4) for name, its in moved.items() if name != first}
        what: What = "prediction" if first == PREDICTION else "feature"
        return Found(what, first, "psi", round(value, 4), round(threshold, 4), also)

    def erred(self, losses: Mapping[str, float], at: Micros) -> Found | None:
        """Take the losses at one label of an event of a moment; return what has drifted, after every group."""
        sums = self._sums
        for name in sums:
            if name in losses:
                sums[name] += losses[name]
        self._labels += 1
        if self._labels < self._group:
            return None
        self._labels = 0
        return self._risen(at)

    def _risen(self, at: Micros) -> Found | None:
        """Look at every candidate's mean loss of the group; after an alarm, only a larger rise is told for some days."""
        self._raised = 1 + (self._raised - 1) * 0.5 ** (max(at - self._raised_at, 0) / CALMS_IN)
        self._raised_at = max(at, self._raised_at)
        moved: dict[str, tuple[float, float]] = {}
        for name, watch in self.errors.items():
            mean, self._sums[name] = self._sums[name] / self._group, 0.0
            found = watch.take(at, mean, self._raised)
            if found:
                moved[name] = found
        return self._risen_together(moved) if moved else None

    def _risen_together(self, moved: dict[str, tuple[float, float]]) -> Found | None:
        for name, watch in self.errors.items():
            watch.relearn() if name in moved else watch.calm()
        if self._belongs_to_the_last():
            return None
        self._raised *= RAISED
        first = max(moved, key=lambda name: moved[name][0] / moved[name][1])
        value, threshold = moved[first]
        also = {name: round(its[0], 4) for name, its in moved.items() if name != first}
        return Found("error", first, "page-hinkley", round(value, 4), round(threshold, 4), also)

    def _belongs_to_the_last(self) -> bool:
        """Tell whether a change comes so soon after an alarm that it is the same one; if not, it is one itself."""
        if self._quiet_events < TOGETHER:
            self.folded += 1
            return True
        self._quiet_events = 0
        return False

    def dump(self) -> dict[str, Any]:
        """Return everything, as it is kept in a checkpoint."""
        return {name: getattr(self, name) for name in _KEPT}

    def load(self, kept: Mapping[str, Any]) -> None:
        """Take over what another has kept."""
        for name in _KEPT:
            setattr(self, name, kept[name])

    def inherit(self, kept: Mapping[str, Any], names: Collection[str], *, features: bool) -> None:
        """Take over what another has kept of the candidates named, and of the features when they are as they were."""
        errors, sums = kept["errors"], kept["_sums"]
        self.errors |= {name: errors[name] for name in self.errors if name in names and name in errors}
        self._sums |= {name: sums[name] for name in self._sums if name in names and name in sums}
        alike = ("folded", "_labels", "_quiet_events", "_raised", "_raised_at")
        for name in (*alike, *(("features", "_champion", "_block", "_middle") if features else ())):
            setattr(self, name, kept[name])


_KEPT = (
    "features",
    "errors",
    "folded",
    "_champion",
    "_sums",
    "_labels",
    "_block",
    "_middle",
    "_quiet_events",
    "_raised",
    "_raised_at",
)


def _values(block: list[Features], name: str) -> list[Feature]:
    """Return a feature's values; those that are missing or no number are left out."""
    found = [features[name] for features in block if name in features]
    return [value for value in found if value == value]

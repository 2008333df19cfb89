"""Drift: tells when features, predictions or errors do what they did not do before. Pure, deterministic, bounded.

Every eighth event is looked at, in blocks of 64: each feature, and the champion's prediction, by PSI (`learning.psi`). At every
label the loss of all who compete by Page-Hinkley (`learning.page_hinkley`), the baselines' too: a candidate that learns soon
makes up for what has changed, and a rule that stands still is the better witness. False alarms have a budget, one a week of
stream time: thresholds are calibrated on the stream itself, all along, and what moves together is told once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Literal, NamedTuple

from millrace.domain.times import Micros
from millrace.domain.usecase import Feature, Features
from millrace.learning.page_hinkley import ErrorWatch
from millrace.learning.psi import FeatureWatch

SAMPLE_EVERY = 8
"""Events of which one is looked at."""
BLOCK = 64
"""Samples looked at together."""
TOGETHER = 2_048
"""Events after an alarm in which further changes belong to it."""
GROUP = 8
"""Labels whose mean loss is looked at together."""
RARE_GROUP = 32
"""The same for yes or no: where yes is rare nearly all of the loss is in a few labels, and small groups are all noise."""
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
        self._candidates = frozenset(candidates)
        self._group = group
        self.features: dict[str, FeatureWatch] = {}
        self.errors: dict[str, ErrorWatch] = {}
        self._champion: str | None = None
        self._block: list[Features] = []
        self._middle: Micros = 0
        self._losses: list[Mapping[str, float]] = []
        self._quiet_events = TOGETHER
        self.folded = 0
        """Changes that came so soon after an alarm that they were not told again."""

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
        return self._told(self._compared(block), "psi")

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

    def erred(self, losses: Mapping[str, float], at: Micros) -> Found | None:
        """Take the losses at one label of an event of a moment; return what has drifted, after every group."""
        self._losses.append(losses)
        if len(self._losses) < self._group:
            return None
        group, self._losses = self._losses, []
        return self._told(self._risen(group, at), "page-hinkley")

    def _risen(self, group: list[Mapping[str, float]], at: Micros) -> dict[str, tuple[float, float]]:
        moved: dict[str, tuple[float, float]] = {}
        for name in min(group, key=len):  # who is suspended stays so: the others lost something at every label
            watch = self.errors.get(name)
            if watch is None:
                watch = self.errors[name] = ErrorWatch(self._group)
            found = watch.take(at, sum([losses[name] for losses in group]) / self._group)
            if found:
                moved[name] = found
        return moved

    def _told(self, moved: dict[str, tuple[float, float]], detector: Literal["psi", "page-hinkley"]) -> Found | None:
        """Return one alarm for all that has moved, unless it belongs to the last one."""
        if not moved:
            return None
        if self._quiet_events < TOGETHER:
            self.folded += 1
            return None
        self._quiet_events = 0
        first = max(
            moved, key=lambda name: (name != PREDICTION, name in self._candidates, moved[name][0] / moved[name][1])
        )
        what: What = "error" if detector == "page-hinkley" else "prediction" if first == PREDICTION else "feature"
        value, threshold = moved[first]
        also = {name: round(its[0], 4) for name, its in moved.items() if name != first}
        return Found(what, first, detector, round(value, 4), round(threshold, 4), also)

    def dump(self) -> dict[str, Any]:
        """Return everything, as it is kept in a checkpoint."""
        return {name: getattr(self, name) for name in _KEPT}

    def load(self, kept: Mapping[str, Any]) -> None:
        """Take over what another has kept."""
        for name in _KEPT:
            setattr(self, name, kept[name])

    def inherit(self, kept: Mapping[str, Any], names: Collection[str], *, features: bool) -> None:
        """Take over what another has kept of the candidates named, and of the features when they are as they were."""
        self.errors |= {name: watch for name, watch in kept["errors"].items() if name in names}
        self._losses = [{name: its[name] for name in its if name in names} for its in kept["_losses"]]
        for name in ("folded", "_quiet_events", *(("features", "_champion", "_block", "_middle") if features else ())):
            setattr(self, name, kept[name])


_KEPT = (
    "features",
    "errors",
    "folded",
    "_champion",
    "_losses",
    "_block",
    "_middle",
    "_quiet_events",
)


def _values(block: list[Features], name: str) -> list[Feature]:
    """Return a feature's values; those that are missing or no number are left out."""
    found = [features[name] for features in block if name in features]
    return [value for value in found if value == value]

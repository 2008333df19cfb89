"""A candidate that groups events: predicts each event's cluster, then learns the event at once.

The clusters are looked at anew now and then, not at every event: meanwhile an event belongs to the cluster of the nearest point
the model had then (`learning.anchors`), under an id that lasts (`learning.identities`).
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from math import dist, inf
from typing import Any, NamedTuple

from millrace.domain.tasks import Clustering
from millrace.domain.times import Micros
from millrace.domain.usecase import Candidate, Features
from millrace.learning.anchors import Vector, anchors_of, centroids, final, has_anchors, nearest, transformed
from millrace.learning.cluster_profiles import ClusterProfiles
from millrace.learning.cluster_scores import NOISE
from millrace.learning.identities import Identities

RENEW_EVERY = 1_000
"""Events between two looks at a model's clusters; the first are at 200, 400, 800 and 1,600.

A model that does not say where its clusters lie must keep their numbers meanwhile.
"""
FIRST_LOOK = 200
SAMPLE_EVERY = 4
"""Events of which one is remembered as a member, to tell which cluster goes on as which;"""
MEMBERS = 1_000
"""so many are."""
MEASURE_EVERY = 8
"""Events of which one is measured: how well it lies in its cluster."""


class Grouping(NamedTuple):
    """A model's clusters when they were last looked at: points with the ids of their clusters, and the clusters' centres.

    A model that does not say where its clusters lie is asked itself; `ids` then are by its own numbers (`numbers`).
    """

    names: tuple[str, ...] = ()
    points: tuple[Vector, ...] = ()
    ids: tuple[int, ...] = ()
    reach: float = inf
    centers: tuple[tuple[int, Vector], ...] = ()
    numbers: tuple[int, ...] = ()


class Look(NamedTuple):
    """What was found while learning an event: its silhouette, and how many of some members kept their cluster's id."""

    silhouette: float | None = None
    kept: int = 0
    of: int = 0


class Clusterer:
    """A candidate with its model. Its answers are ids of clusters, from 1 on, and `NOISE` for none."""

    def __init__(self, candidate: Candidate, model: Any, task: Clustering[Any]) -> None:
        self.model = model
        self._only = candidate.only
        self._smallest = task.smallest
        self.grouping = Grouping()
        self.identities = Identities()
        self.profiles = ClusterProfiles(task.describe)
        self.members: deque[tuple[Vector, int]] = deque(maxlen=MEMBERS)
        self.learnt = 0
        self.next_look = FIRST_LOOK

    def sees(self, features: Features) -> Features:
        """Return the features the model is given."""
        return dict(features) if self._only is None else {name: features[name] for name in self._only}

    def predict(self, features: Features) -> float:
        """Return the id of the cluster an event belongs to, or `NOISE`."""
        grouping = self.grouping
        if not grouping.ids:
            return NOISE
        if grouping.numbers:
            number = self.model.predict_one(self.sees(features))
            return float(grouping.ids[grouping.numbers.index(number)]) if number in grouping.numbers else NOISE
        found = nearest(self._vector(features), grouping.points, grouping.reach)
        return NOISE if found is None else float(grouping.ids[found])

    def learn(self, features: Features, predicted: float, event: Any, at: Micros) -> Look:
        """Learn an event; `predicted` is the id of the cluster it was in."""
        cluster = int(predicted)
        self.learnt += 1
        silhouette = self._silhouette(features, cluster) if self.learnt % MEASURE_EVERY == 0 else None
        if self.learnt % SAMPLE_EVERY == 0:
            self.members.append((self._vector(features), cluster))
        self.profiles.saw(cluster, features, event, at)
        self.model.learn_one(self.sees(features))
        if self.learnt < self.next_look:
            return Look(silhouette)
        self.next_look += min(self.next_look, RENEW_EVERY)
        return Look(silhouette, *self._renew())

    def _vector(self, features: Features) -> Vector:
        x = transformed(self.model, self.sees(features))
        names = self.grouping.names
        if not names:
            names = tuple(name for name, value in x.items() if isinstance(value, int | float))
            self.grouping = self.grouping._replace(names=names)
        return tuple([float(x.get(name, 0.0)) for name in names])

    def _silhouette(self, features: Features, cluster: int) -> float | None:
        """Return how much nearer an event lies to its cluster's centre than to the next one's: from -1 to 1."""
        centers = self.grouping.centers
        if cluster == NOISE or len(centers) < 2:
            return None
        vector = self._vector(features)
        own = [dist(vector, at) for id_, at in centers if id_ == cluster]
        other = min(dist(vector, at) for id_, at in centers if id_ != cluster)
        if not own or max(own[0], other) == 0:
            return None
        return (other - own[0]) / max(own[0], other)

    def _renew(self) -> tuple[int, int]:
        """Look at the model's clusters anew; return how many members kept their id, of how many."""
        members = list(self.members)
        numbers = self._large_enough(self._numbers(members))
        ids = self.identities.name(members, numbers)
        now = [int(NOISE) if number is None else ids[number] for number in numbers]
        looked_before = bool(self.grouping.ids)
        self._regroup(ids, list(zip([vector for vector, _ in members], now, strict=True)))
        kept = sum(was == is_ for (_, was), is_ in zip(members, now, strict=True))
        return (kept, len(members)) if looked_before else (0, 0)

    def _numbers(self, members: Sequence[tuple[Vector, int]]) -> list[int | None]:
        """Return the model's own number of each member's cluster now."""
        names = self.grouping.names
        if has_anchors(self.model):
            anchors = anchors_of(self.model, names)
            return [anchors.nearest(vector) for vector, _ in members]
        last = final(self.model)
        return [last.predict_one(dict(zip(names, vector, strict=True))) for vector, _ in members]

    def _large_enough(self, numbers: list[int | None]) -> list[int | None]:
        sizes = Counter(numbers)
        return [
            None if number is None or sizes[number] < self._smallest * len(numbers) else number for number in numbers
        ]

    def _regroup(self, ids: Mapping[int, int], members: list[tuple[Vector, int]]) -> None:
        self.members = deque(members, maxlen=MEMBERS)
        centers = {id_: at for id_, at in centroids(members).items() if id_ != NOISE}
        grouping = Grouping(self.grouping.names, centers=tuple(centers.items()))
        if has_anchors(self.model):
            anchors = anchors_of(self.model, grouping.names)
            named = [(point.at, ids[point.cluster]) for point in anchors.points if point.cluster in ids]
            points, its = tuple(at for at, _ in named), tuple(id_ for _, id_ in named)
            self.grouping = grouping._replace(points=points, ids=its, reach=anchors.reach)
        else:
            self.grouping = grouping._replace(numbers=tuple(ids), ids=tuple(ids.values()))

    def dump(self) -> dict[str, Any]:
        """Return everything but the model, as it is kept in a checkpoint."""
        return {
            "grouping": tuple(self.grouping),
            "identities": self.identities.dump(),
            "profiles": self.profiles.dump(),
            "members": self.members,
            "looks": (self.learnt, self.next_look),
        }

    def load(self, kept: Mapping[str, Any]) -> None:
        """Take over what another has kept."""
        self.grouping = Grouping(*kept["grouping"])
        self.identities.load(kept["identities"])
        self.profiles.load(kept["profiles"])
        self.members = kept["members"]
        self.learnt, self.next_look = kept["looks"]

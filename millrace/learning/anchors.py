"""Where a model's clusters lie: points in the space it measures in, each with the model's own number of its cluster.

River's clusterers differ in what they tell. DBSTREAM and DenStream keep micro-clusters, and number the clusters made of them anew
whenever they are asked; the k-means family keeps centres. Taken from the model now and then, rather than at each event, such
points answer thousands of times as fast as asking DBSTREAM after every example, and hold still meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import dist, inf
from typing import Any, NamedTuple

Vector = tuple[float, ...]
Links = Mapping[int, Sequence[int]]


class Anchor(NamedTuple):
    """A point of a cluster."""

    at: Vector
    cluster: int


class Anchors(NamedTuple):
    """All points; an event belongs to the nearest, or to none when all are farther away than `reach`."""

    points: list[Anchor]
    reach: float

    def nearest(self, vector: Vector) -> int | None:
        """Return the model's number of the cluster that an event belongs to, or `None`."""
        found = nearest(vector, [point.at for point in self.points], self.reach)
        return None if found is None else self.points[found].cluster


def nearest(vector: Vector, points: Sequence[Vector], reach: float) -> int | None:
    """Return the index of the nearest point, the first of equals; `None` when it is farther away than `reach`."""
    distances = [dist(vector, point) for point in points]
    if not distances:
        return None
    least = min(distances)
    return distances.index(least) if least <= reach else None


def final(model: Any) -> Any:
    """Return the last step of a pipeline, or the model itself."""
    steps = getattr(model, "steps", None)
    return list(steps.values())[-1] if isinstance(steps, dict) else model


def transformed(model: Any, x: dict[str, Any]) -> Mapping[str, float]:
    """Return an example as a pipeline's last step sees it."""
    return model.transform_one(x) if final(model) is not model else x


def has_anchors(model: Any) -> bool:
    """Tell whether a model says where its clusters lie."""
    last = final(model)
    return any(hasattr(last, name) for name in ("micro_clusters", "p_micro_clusters", "centers"))


def anchors_of(model: Any, names: Sequence[str]) -> Anchors:
    """Return where the clusters of a model lie now; `names` are the features in the order of vectors."""
    last = final(model)
    if hasattr(last, "micro_clusters") and hasattr(last, "s"):
        return _of_dbstream(last, names)
    if hasattr(last, "p_micro_clusters"):
        return _of_denstream(last, names)
    centers: Mapping[int, Mapping[str, float]] = last.centers
    return Anchors([Anchor(_vector(center, names), number) for number, center in centers.items()], inf)


def _of_dbstream(model: Any, names: Sequence[str]) -> Anchors:
    """Join strong micro-clusters by the density they share (Hahsler & Bolaños, 2016, algorithm 3).

    River compares shared densities and weights as they were when last touched; here both are faded to the present, as in the
    paper. An event in the radius of no strong micro-cluster is noise, as in the paper; River's `predict_one` knows none.
    """
    micros, fading = model.micro_clusters, model.fading_factor
    now = max((micro.last_update for micro in micros.values()), default=0) + 1
    weights = {i: micro.weight * 2 ** (-fading * (now - micro.last_update)) for i, micro in micros.items()}
    strong = [i for i in micros if weights[i] > model.minimum_weight]
    kept = frozenset(strong)
    links: dict[int, list[int]] = {i: [] for i in strong}
    for i, shared in model.s.items():
        for j, density in shared.items():
            if i in kept and j in kept:
                faded = density * 2 ** (-fading * (now - model.s_t[i][j]))
                if faded / ((weights[i] + weights[j]) / 2) > model.intersection_factor:
                    links[i].append(j)
                    links[j].append(i)
    return _joined({i: _vector(micros[i].center, names) for i in strong}, links, model.clustering_threshold)


def _of_denstream(model: Any, names: Sequence[str]) -> Anchors:
    """Join potential micro-clusters whose balls of radius epsilon touch (Cao, Ester, Qian & Zhou, 2006, section 4)."""
    least = model.mu * model.beta
    micros = {i: it for i, it in model.p_micro_clusters.items() if it.calc_weight(model.timestamp) >= least}
    at = {i: _vector(micro.center, names) for i, micro in micros.items()}
    reach = 2 * model.epsilon
    links = {i: [j for j in at if j != i and dist(at[i], at[j]) <= reach] for i in at}
    return _joined(at, links, reach)


def _joined(at: Mapping[int, Vector], links: Links, reach: float) -> Anchors:
    numbers: dict[int, int] = {}
    for number, first in enumerate(at):
        if first in numbers:
            continue
        frontier = [first]
        while frontier:
            i = frontier.pop()
            if i not in numbers:
                numbers[i] = number
                frontier.extend(links[i])
    return Anchors([Anchor(where, numbers[i]) for i, where in at.items()], reach)


def _vector(center: Mapping[str, float], names: Sequence[str]) -> Vector:
    return tuple(float(center.get(name, 0.0)) for name in names)


def centroids(members: Iterable[tuple[Vector, int]]) -> dict[int, Vector]:
    """Return the mean of each cluster's members, by cluster, in the order of their first members."""
    found: dict[int, list[Vector]] = {}
    for vector, cluster in members:
        found.setdefault(cluster, []).append(vector)
    return {
        cluster: tuple(sum(values) / len(values) for values in zip(*theirs, strict=True))
        for cluster, theirs in found.items()
    }

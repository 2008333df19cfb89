"""Ids of clusters that last: whoever numbers clusters anew, an id goes on with those who were in it.

When clusters are looked at anew, each takes the id that most of its recent members had, the greatest overlaps first (greedy
matching, as in MONIC; Spiliopoulou et al., 2006). A cluster that shares too few members with any id takes back the id of one that
was lost, if that lay where it lies now; else it gets a new one. No id is ever given to another cluster.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import dist, sqrt
from typing import Any

from millrace.learning.anchors import Vector, centroids

OVERLAP = 0.25
"""Share of a cluster's, or an id's, recent members that both must have in common."""
MOST_LOST = 100
"""Ids whose place is remembered after their cluster was lost; the one seen longest ago is forgotten first."""

Membership = tuple[Vector, int]
"""An event's place and the id of the cluster it was in, or the noise's."""


class Identities:
    """Gives ids to the clusters a model has now. `places` has where each id was seen last, and how wide it was."""

    def __init__(self) -> None:
        self.next = 0
        self.places: dict[int, tuple[Vector, float]] = {}

    def name(self, members: Sequence[Membership], now: Sequence[int | None]) -> dict[int, int]:
        """Return the id of each cluster, by its number in the model.

        `members` are recent events with the ids they had, `now` the model's numbers of the clusters they are in now (`None`:
        in none). Clusters without any recent member get no id.
        """
        sizes = Counter(number for number in now if number is not None)
        found = _by_overlap(members, now, sizes)
        where = _places(members, now)
        for number in sorted(sizes, key=lambda it: (-sizes[it], it)):
            if number not in found:
                found[number] = self._lost(where[number], set(found.values())) or self._new()
        self._remember({found[number]: place for number, place in where.items()})
        return found

    def _new(self) -> int:
        self.next += 1
        return self.next

    def _lost(self, place: tuple[Vector, float], taken: set[int]) -> int | None:
        """Return the id, of those not in use, that lay nearest to a place and not farther away than it was wide."""
        near = [
            (dist(place[0], at), id_)
            for id_, (at, width) in self.places.items()
            if id_ not in taken and dist(place[0], at) <= width
        ]
        return min(near)[1] if near else None

    def _remember(self, places: Mapping[int, tuple[Vector, float]]) -> None:
        for id_, place in places.items():
            self.places.pop(id_, None)
            self.places[id_] = place
        while len(self.places) > MOST_LOST:
            del self.places[next(iter(self.places))]

    def dump(self) -> dict[str, Any]:
        """Return everything, as plain data."""
        return {"next": self.next, "places": self.places}

    def load(self, kept: Mapping[str, Any]) -> None:
        """Take over what another has kept."""
        self.next, self.places = kept["next"], kept["places"]


def _by_overlap(members: Sequence[Membership], now: Sequence[int | None], sizes: Mapping[int, int]) -> dict[int, int]:
    """Match clusters with ids, the greatest overlap first; each cluster and each id once."""
    before = Counter(id_ for _, id_ in members if id_ > 0)
    common: Counter[tuple[int, int]] = Counter()
    for (_, id_), number in zip(members, now, strict=True):
        if id_ > 0 and number is not None:
            common[number, id_] += 1
    found: dict[int, int] = {}
    taken: set[int] = set()
    for (number, id_), many in sorted(common.items(), key=lambda it: (-it[1], it[0])):
        enough = many >= OVERLAP * min(sizes[number], before[id_])
        if enough and number not in found and id_ not in taken:
            found[number] = id_
            taken.add(id_)
    return found


def _places(members: Sequence[Membership], now: Sequence[int | None]) -> dict[int, tuple[Vector, float]]:
    """Return each cluster's centre and width: the root of its members' mean squared distance from it."""
    inside = [(vector, number) for (vector, _), number in zip(members, now, strict=True) if number is not None]
    centers = centroids(inside)
    squares: dict[int, list[float]] = {}
    for vector, number in inside:
        squares.setdefault(number, []).append(dist(vector, centers[number]) ** 2)
    return {number: (centers[number], _mean_root(theirs)) for number, theirs in squares.items()}


def _mean_root(squares: Iterable[float]) -> float:
    known = list(squares)
    return sqrt(sum(known) / len(known))

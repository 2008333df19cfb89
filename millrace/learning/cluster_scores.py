"""Prequential metrics of clusters: against the truth where it becomes known, and without it.

Noise counts as a cluster of its own where clusters are held against the truth. Where they are judged by distance it is left out.
"""

from __future__ import annotations

import copy
import math
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

RECENT = 5_000
"""Events, and labels, in the recent window."""
NOISE = -1.0
"""The answer for an event that belongs to no cluster."""
USED = 0.01
"""Share of the recent events from which on a cluster counts as used."""
MOST_PAIRS = 10_000
"""Pairs of cluster and group that are counted over everything; beyond, those met first are forgotten."""

Pair = tuple[float, str]
"""A cluster, and the true group of an event that was in it."""


class ClusterScore:
    """How one who groups events has done.

    With truth: `v_measure` (it ranks) with its parts `homogeneity` and `completeness` (Rosenberg & Hirschberg, 2007), and
    `adjusted_rand` (Hubert & Arabie, 1985). Without: `silhouette` (it ranks where there is no truth; the simplified one, by
    distance to centres, Hruschka et al., 2004; from -1 to 1, higher is better, unlike River's), `noise` (share of events in no
    cluster), `clusters` (how many hold at least one in a hundred recent events), and `stability` (share of events that kept
    their cluster's id when the clusters were looked at anew).
    """

    scorecard_every = 1_000
    """Events between two scorecards."""

    __slots__ = (
        "_pairs",
        "_silhouettes",
        "_values",
        "by_cluster",
        "events",
        "kept_id",
        "labels",
        "late",
        "looked_at",
        "metric",
        "noise",
        "pairs",
        "silhouette_of",
        "silhouettes",
    )

    def __init__(self, metric: str = "v_measure") -> None:
        self.metric = metric
        self.labels = 0
        self.pairs: Counter[Pair] = Counter()
        self.late: Counter[Pair] = Counter()
        self.by_cluster: Counter[float] = Counter()
        self._pairs: deque[Pair] = deque(maxlen=RECENT)
        self.events = 0
        self.noise = 0
        self._values: deque[float] = deque(maxlen=RECENT)
        self.silhouettes = 0.0
        self.silhouette_of = 0
        self._silhouettes: deque[float] = deque(maxlen=RECENT // 8)
        self.kept_id = 0
        self.looked_at = 0

    @property
    def higher_is_better(self) -> bool:
        """Whether a greater value of the ranking metric is the better one: it is, of both that may rank."""
        return True

    def saw(self, value: float, silhouette: float | None = None) -> None:
        """Take an event's cluster, and how well it lies in it if that was measured."""
        self.events += 1
        self.noise += value == NOISE
        self._values.append(value)
        if silhouette is not None:
            self.silhouettes += silhouette
            self.silhouette_of += 1
            self._silhouettes.append(silhouette)

    def renewed(self, kept: int, of: int) -> None:
        """Take how many of some events kept their cluster's id."""
        self.kept_id += kept
        self.looked_at += of

    def add(self, predicted: float, truth: str) -> float:
        """Score one cluster against the true group; return its loss.

        The loss is how surprising the truth is, in nats, to one who knows the cluster and what was true in it lately: the
        conditional entropy that homogeneity measures, event by event (with one added to each count, Laplace).
        """
        pair = (predicted, truth)
        groups = len({group for _, group in self.late} | {truth})
        loss = -math.log((self.late[pair] + 1) / (self.by_cluster[predicted] + groups))
        self._let_go_of_the_oldest()
        self.labels += 1
        self.pairs[pair] += 1
        self.late[pair] += 1
        self.by_cluster[predicted] += 1
        self._pairs.append(pair)
        return loss

    def _let_go_of_the_oldest(self) -> None:
        if len(self._pairs) == RECENT:
            gone = self._pairs[0]
            _take(self.late, gone)
            _take(self.by_cluster, gone[0])
        if len(self.pairs) > MOST_PAIRS:
            del self.pairs[next(iter(self.pairs))]

    def overall(self) -> dict[str, float]:
        """Return the metrics over everything."""
        return self.since(None)

    def since(self, before: ClusterScore | None) -> dict[str, float]:
        """Return the metrics over what came after an earlier copy; over everything without one."""
        then = before or ClusterScore(self.metric)
        found = agreement(self.pairs - then.pairs)
        if self.events > then.events:
            found["noise"] = (self.noise - then.noise) / (self.events - then.events)
        if self.silhouette_of > then.silhouette_of:
            found["silhouette"] = (self.silhouettes - then.silhouettes) / (self.silhouette_of - then.silhouette_of)
        if self.looked_at > then.looked_at:
            found["stability"] = (self.kept_id - then.kept_id) / (self.looked_at - then.looked_at)
        return found

    def recent(self) -> dict[str, float]:
        """Return the metrics over the recent window."""
        found = agreement(self.late)
        if self._values:
            sizes = Counter(self._values)
            found["noise"] = sizes.pop(NOISE, 0) / len(self._values)
            found["clusters"] = float(sum(size >= USED * len(self._values) for size in sizes.values()))
        if self._silhouettes:
            found["silhouette"] = sum(self._silhouettes) / len(self._silhouettes)
        return found

    def twin(self) -> ClusterScore:
        """Return a copy that further events and labels do not change, for `since`."""
        return copy.deepcopy(self)

    def __getstate__(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.__slots__)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        for name, value in zip(self.__slots__, state, strict=True):
            setattr(self, name, value)


def _take(counts: Counter[Any], what: Any) -> None:
    counts[what] -= 1
    if not counts[what]:
        del counts[what]


def agreement(pairs: Mapping[Pair, int]) -> dict[str, float]:
    """Return how clusters agree with groups, from how often each pair was met; nothing without any.

    >>> agreement({(1.0, "a"): 2, (2.0, "b"): 2})
    {'v_measure': 1.0, 'adjusted_rand': 1.0, 'homogeneity': 1.0, 'completeness': 1.0}
    """
    clusters: Counter[float] = Counter()
    groups: Counter[str] = Counter()
    for (cluster, group), many in pairs.items():
        clusters[cluster] += many
        groups[group] += many
    if not clusters:
        return {}
    joint = _entropy(pairs.values())
    of_clusters, of_groups = _entropy(clusters.values()), _entropy(groups.values())
    shared = max(of_clusters + of_groups - joint, 0.0)
    homogeneity = min(shared / of_groups, 1.0) if of_groups else 1.0
    completeness = min(shared / of_clusters, 1.0) if of_clusters else 1.0
    both = homogeneity + completeness
    return {
        "v_measure": 2 * homogeneity * completeness / both if both else 0.0,
        "adjusted_rand": _adjusted_rand(pairs, clusters, groups),
        "homogeneity": homogeneity,
        "completeness": completeness,
    }


def _entropy(counts: Any) -> float:
    """Return the entropy of counts in nats; from a sorted list, so that the order in which they came does not matter."""
    sizes = sorted(counts)
    total = sum(sizes)
    return -math.fsum(size / total * math.log(size / total) for size in sizes)


def _adjusted_rand(pairs: Mapping[Pair, int], clusters: Mapping[float, int], groups: Mapping[str, int]) -> float:
    """Return the Rand index corrected for chance: 1 for the same partition, about 0 for one that has nothing to do with it."""
    together = sum(math.comb(many, 2) for many in pairs.values())
    in_clusters = sum(math.comb(many, 2) for many in clusters.values())
    in_groups = sum(math.comb(many, 2) for many in groups.values())
    every = math.comb(sum(clusters.values()), 2)
    by_chance = in_clusters * in_groups / every if every else 0.0
    most = (in_clusters + in_groups) / 2
    return 1.0 if most == by_chance else (together - by_chance) / (most - by_chance)

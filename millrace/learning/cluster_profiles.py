"""What is remembered of each cluster so that it can be described: its newest members' features, sizes, samples. Bounded."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from math import fsum, sqrt
from typing import Any

import msgspec

from millrace.domain.clusters import QUANTILES, Cluster, Clusters, Sizes, Spread, trend, words
from millrace.domain.times import Micros, rfc3339
from millrace.domain.usecase import Features
from millrace.learning.cluster_scores import NOISE

MEMBERS = 200
"""Newest members of a cluster from which it is described."""
EVENTS = 2_000
"""Sampled events with which they are compared;"""
SAMPLE_EVERY = 8
"""of so many events one."""
BLOCK = 1_000
"""Events whose sizes are counted together."""
WINDOW = 10
"""Blocks in the recent window, and in the one before."""
HISTORY = 100
"""Blocks that are remembered."""
SAMPLES = 3
SHOWN_EVERY = 32
"""Of so many members of a cluster one is kept as a sample."""
MOST_CLUSTERS = 64
"""Clusters remembered; the one without members for longest is forgotten first."""

Values = tuple[float, ...]


class ClusterProfile:
    """One cluster: `members` are the described features of the newest, `samples` events as JSON."""

    __slots__ = ("events", "members", "samples", "since")

    def __init__(self, since: Micros) -> None:
        self.since = since
        self.events = 0
        self.members: deque[Values] = deque(maxlen=MEMBERS)
        self.samples: deque[bytes] = deque(maxlen=SAMPLES)

    def __getstate__(self) -> tuple[Any, ...]:
        return self.since, self.events, self.members, self.samples

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.since, self.events, self.members, self.samples = state


class ClusterProfiles:
    """All clusters of one candidate. `describe` words the features that are remembered."""

    def __init__(self, describe: Mapping[str, str]) -> None:
        self._describe = dict(describe)
        self.by_id: dict[int, ClusterProfile] = {}
        self.everyone: deque[Values] = deque(maxlen=EVENTS)
        self.events = 0
        self.block: Counter[int] = Counter()
        self.history: deque[tuple[Micros, int, dict[int, int]]] = deque(maxlen=HISTORY)

    def saw(self, cluster: int, features: Features, event: Any, at: Micros) -> None:
        """Remember an event that was in a cluster."""
        values = tuple([float(features.get(name, 0.0)) for name in self._describe])
        self.events += 1
        if self.events % SAMPLE_EVERY == 0:
            self.everyone.append(values)
        self.block[cluster] += 1
        if cluster != NOISE:
            self._joined(cluster, values, event, at)
        if self.events % BLOCK == 0:
            self.history.append((at, BLOCK, dict(sorted(self.block.items()))))
            self.block.clear()

    def _joined(self, cluster: int, values: Values, event: Any, at: Micros) -> None:
        profile = self.by_id.get(cluster)
        if profile is None:
            profile = self.by_id[cluster] = ClusterProfile(at)
            self._forget()
        if profile.events % SHOWN_EVERY == 0:
            profile.samples.append(msgspec.json.encode(event))
        profile.events += 1
        profile.members.append(values)

    def _forget(self) -> None:
        """Let go of a cluster that has no members lately, when there are too many."""
        if len(self.by_id) > MOST_CLUSTERS:
            lately = self._sizes(0, HISTORY) + self.block
            del self.by_id[min(self.by_id, key=lambda it: (lately[it], it))]

    def _sizes(self, first: int, last: int) -> Counter[int]:
        """Return how many events were in each cluster in some blocks, counted from the newest."""
        blocks = list(self.history)[::-1][first:last]
        return sum((Counter(sizes) for _, _, sizes in blocks), Counter())

    def clusters(self, candidate: str) -> Clusters:
        """Describe every cluster that had members lately."""
        late, before = self._sizes(0, WINDOW), self._sizes(WINDOW, 2 * WINDOW)
        if not late:
            late = Counter(self.block)
        total, of_before = sum(late.values()), sum(before.values())
        overall = _columns(self.everyone, len(self._describe))
        every = [
            self._cluster(id_, profile, late[id_] / total, before[id_] / of_before if of_before else None, overall)
            for id_, profile in self.by_id.items()
            if late[id_]
        ]
        return Clusters(
            candidate=candidate,
            noise=late[int(NOISE)] / total if total else 0.0,
            window=total,
            clusters=sorted([msgspec.structs.replace(it, size=late[it.id]) for it in every], key=lambda it: -it.size),
            history=[_told(*each) for each in self.history],
        )

    def _cluster(
        self, id_: int, profile: ClusterProfile, share: float, before: float | None, overall: Sequence[Sequence[float]]
    ) -> Cluster:
        features = self._spreads(_columns(profile.members, len(self._describe)), overall)
        return Cluster(
            id=id_,
            words=words(features),
            size=0,
            share=share,
            before=before,
            trend=trend(share, before or None),
            events=profile.events,
            since=rfc3339(profile.since),
            features=features,
            samples=[msgspec.json.decode(sample) for sample in reversed(profile.samples)],
        )

    def _spreads(self, members: Sequence[Sequence[float]], overall: Sequence[Sequence[float]]) -> dict[str, Spread]:
        found = {
            name: _spread(wording, theirs, of_all)
            for (name, wording), theirs, of_all in zip(self._describe.items(), members, overall, strict=True)
            if theirs and of_all
        }
        return dict(sorted(found.items(), key=lambda it: -abs(it[1].apart)))

    def dump(self) -> dict[str, Any]:
        """Return everything, as it is kept in a checkpoint."""
        return {name: getattr(self, name) for name in _KEPT}

    def load(self, kept: Mapping[str, Any]) -> None:
        """Take over what another has kept."""
        for name in _KEPT:
            setattr(self, name, kept[name])


_KEPT = ("by_id", "everyone", "events", "block", "history")


def _told(at: Micros, events: int, sizes: Mapping[int, int]) -> Sizes:
    named = {"noise" if id_ == NOISE else str(id_): size for id_, size in sizes.items()}
    return Sizes(at=rfc3339(at), events=events, sizes=named)


def _columns(rows: Sequence[Values], width: int) -> list[list[float]]:
    return [[row[index] for row in rows] for index in range(width)]


def _spread(wording: str, theirs: Sequence[float], of_all: Sequence[float]) -> Spread:
    mean, spread = _mean_and_spread(theirs)
    overall_mean, overall_spread = _mean_and_spread(of_all)
    ordered = sorted(theirs)
    return Spread(
        wording=wording,
        mean=mean,
        spread=spread,
        quantiles={str(share): ordered[min(int(share * len(ordered)), len(ordered) - 1)] for share in QUANTILES},
        overall_mean=overall_mean,
        overall_spread=overall_spread,
        apart=(mean - overall_mean) / overall_spread if overall_spread else 0.0,
    )


def _mean_and_spread(values: Sequence[float]) -> tuple[float, float]:
    mean = fsum(values) / len(values)
    return mean, sqrt(fsum((value - mean) ** 2 for value in values) / len(values))

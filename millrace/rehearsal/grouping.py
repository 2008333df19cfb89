"""How well candidates group a simulated stream, beside what a batch of the same events allows.

The ceiling is k-means on the very events that are scored (Lloyd, with k-means++; the best of some starts): it sees all of them at
once, as often as it likes, and is told how many true groups there are. A candidate sees each once, in order.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from millrace.domain.errors import UseCaseError
from millrace.domain.facts import Label, available_at
from millrace.domain.tasks import Clustering
from millrace.domain.times import Micros
from millrace.domain.usecase import AnyUseCase, Fact, Features
from millrace.learning.cluster_scores import NOISE, RECENT, USED, agreement
from millrace.learning.learner import Learner
from millrace.learning.outcomes import Foreseeing

STARTS = 10
"""Starts of the batch k-means; the one with the least sum of squares counts."""
PERIODS = 5
"""Parts of the stream in which each id's members are looked at."""


class Told(msgspec.Struct, frozen=True):
    """One cluster at the end: what it is like, and the group that most of its members truly were of, part by part.

    A part without members has `None`.
    """

    id: int
    words: str
    share: float
    since: str
    mostly: list[str | None]


class Grouped(msgspec.Struct, frozen=True, kw_only=True):
    """How one candidate did over the recent window. `of_ceiling` is its V-measure as a share of the ceiling's.

    `stability` is the share of events that kept their id whenever clusters were looked at anew, over the whole stream; `ids` is
    how many were given, and `same` the share of clusters that were most often of one true group in every part.
    """

    v_measure: float
    adjusted_rand: float
    of_ceiling: float
    silhouette: float | None
    noise: float
    clusters: int
    stability: float | None
    ids: int
    same: float
    told: list[Told]


class GroupingReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured: `window` labelled events at the end of `events`, of `groups` true groups of one in a hundred or more."""

    use_case: str
    events: int
    seconds: float
    events_per_second: float
    window: int
    groups: int
    ceiling: dict[str, float]
    candidates: dict[str, Grouped]
    baselines: dict[str, dict[str, float]]


class _Arrival(NamedTuple):
    time: Micros
    fact: Fact


class _Met(NamedTuple):
    """One event: everyone's prediction, and the features while it may be in the window."""

    event_id: str
    foreseen: Mapping[str, float]


def bench_grouping(
    use_case: AnyUseCase, facts: Sequence[Fact], progress: Callable[[int, int], None] | None = None
) -> GroupingReport:
    """Group a stream with every candidate; hold the end of it against a batch k-means on the same features.

    Raises `UseCaseError` for a use case that does not group, or has no truth to be held against.
    """
    if not isinstance(use_case.task, Clustering) or use_case.task.truth is None:
        raise UseCaseError(
            f"{use_case.name} does not group events, or has no truth: there is nothing to hold it against"
        )
    learner = Learner(use_case)
    met: list[_Met] = []
    late: deque[tuple[str, Features]] = deque(maxlen=4 * RECENT)
    started = time.perf_counter()
    for done, foreseeing in enumerate(_foreseen(learner, facts)):
        met.append(_Met(foreseeing.event_id, foreseeing.foreseen))
        late.append((foreseeing.event_id, foreseeing.features))
        if progress and done % 1_000 == 0:
            progress(done, len(facts))
    seconds = time.perf_counter() - started
    truths = _truths(use_case, facts)
    window = [(event_id, features) for event_id, features in late if event_id in truths][-RECENT:]
    if not window:
        raise UseCaseError(f"no event of {use_case.name} has a label by now: group more events")
    return _told(learner, met, truths, window, seconds)


def _foreseen(learner: Learner, facts: Sequence[Fact]) -> Iterator[Foreseeing]:
    for outcome in learner.meet(_Arrival(available_at(fact), fact) for fact in facts):
        if isinstance(outcome, Foreseeing):
            yield outcome


def _truths(use_case: AnyUseCase, facts: Sequence[Fact]) -> dict[str, str]:
    found: dict[str, str] = {}
    for fact in facts:
        if isinstance(fact, Label):
            truth = use_case.task.target(fact)
            if truth is not None:
                found[str(getattr(fact, use_case.of_field))] = str(truth)
    return found


def _told(
    learner: Learner,
    met: Sequence[_Met],
    truths: Mapping[str, str],
    window: Sequence[tuple[str, Features]],
    seconds: float,
) -> GroupingReport:
    use_case, events = learner.use_case, len(met)
    kinds = [truths[event_id] for event_id, _ in window]
    groups = sum(many >= USED * len(kinds) for many in Counter(kinds).values())
    ceiling = _against(batch_k_means(_points(use_case, window), groups, use_case.seed), kinds)
    wanted = {event_id for event_id, _ in window}
    inside = [it for it in met if it.event_id in wanted]
    scores = {
        name: _against([it.foreseen.get(name, NOISE) for it in inside], kinds)
        for name in (*use_case.candidates, *use_case.baselines)
    }
    return GroupingReport(
        use_case=use_case.name,
        events=events,
        seconds=round(seconds, 3),
        events_per_second=round(events / seconds, 1),
        window=len(window),
        groups=groups,
        ceiling=ceiling,
        candidates={
            name: _grouped(learner, name, met, truths, scores[name], ceiling["v_measure"])
            for name in use_case.candidates
        },
        baselines={name: scores[name] for name in use_case.baselines},
    )


def _against(clusters: Sequence[float], kinds: Sequence[str]) -> dict[str, float]:
    found = agreement(Counter(zip(clusters, kinds, strict=True)))
    return {name: round(found[name], 4) for name in ("v_measure", "adjusted_rand")}


def _grouped(
    learner: Learner,
    name: str,
    met: Sequence[_Met],
    truths: Mapping[str, str],
    score: Mapping[str, float],
    ceiling: float,
) -> Grouped:
    contest = learner.contest
    recent, overall = contest.scores[name].recent(), contest.scores[name].overall()
    clusters = contest.clusters()[name].clusters if name not in contest.suspended else []
    told = [Told(it.id, it.words, round(it.share, 4), it.since, _mostly(it.id, name, met, truths)) for it in clusters]
    return Grouped(
        v_measure=score["v_measure"],
        adjusted_rand=score["adjusted_rand"],
        of_ceiling=round(score["v_measure"] / ceiling, 3) if ceiling else 0.0,
        silhouette=recent.get("silhouette"),
        noise=recent.get("noise", 1.0),
        clusters=int(recent.get("clusters", 0)),
        stability=overall.get("stability"),
        ids=len({it.foreseen.get(name, NOISE) for it in met} - {NOISE}),
        same=_same(told),
        told=told,
    )


def _mostly(id_: int, name: str, met: Sequence[_Met], truths: Mapping[str, str]) -> list[str | None]:
    """Return what most of a cluster's members truly were, in each part of the stream."""
    size = -(-len(met) // PERIODS)
    found: list[str | None] = []
    for first in range(0, len(met), size):
        kinds = Counter(
            truths[it.event_id]
            for it in met[first : first + size]
            if it.foreseen.get(name) == id_ and it.event_id in truths
        )
        found.append(kinds.most_common(1)[0][0] if kinds else None)
    return found


def _same(told: Sequence[Told]) -> float:
    """Return the share of clusters whose members were mostly of one group in every part they had any."""
    kept = [len({kind for kind in it.mostly if kind is not None}) == 1 for it in told]
    return round(sum(kept) / len(kept), 3) if kept else 0.0


def _points(use_case: AnyUseCase, window: Sequence[tuple[str, Features]]) -> list[list[float]]:
    """Return the numbers that the first candidate sees of each event."""
    only = next(iter(use_case.candidates.values())).only or tuple(window[0][1])
    names = [name for name in only if not isinstance(window[0][1][name], str)]
    return [[float(features[name]) for name in names] for _, features in window]


def batch_k_means(points: Sequence[Sequence[float]], groups: int, seed: int) -> list[float]:
    """Return each point's group by k-means with k-means++ (Arthur & Vassilvitskii, 2007): the best of ten starts."""
    import numpy as np
    from scipy.cluster.vq import kmeans2

    data = np.asarray(points, dtype=float)
    best: tuple[float, Any] | None = None
    for start in range(STARTS):
        centers, labels = kmeans2(data, groups, iter=100, minit="++", rng=np.random.default_rng(seed + start))
        squares = float(((data - centers[labels]) ** 2).sum())
        if best is None or squares < best[0]:
            best = squares, labels
    assert best is not None
    return [float(label) for label in best[1]]

"""A small stream of events of three kinds, far apart, and a use case that groups them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from millrace import Candidate, Clustering, Event, Features, Id, Key, Label, Model, Of, Profiles, Truth, UseCase
from millrace.domain.facts import available_at
from millrace.domain.usecase import Fact

START = datetime(2026, 3, 1, tzinfo=UTC)
PLACES = {"slow": (0.0, 0.0), "quick": (8.0, 0.0), "long": (0.0, 8.0)}


class Visit(Event):
    """Somebody comes."""

    visit_id: Id[str]
    who: Key[str]
    pages: float
    minutes: float


class Kind(Label):
    """What kind of visit it was."""

    visit_id: Of[str]
    kind: str


class Seen(Profiles):
    """Nothing is remembered."""


def features(v: Visit, seen: Seen) -> Features:
    """Return what a model sees."""
    return {"pages": v.pages, "minutes": v.minutes}


def dbstream() -> Model:
    """Return DBSTREAM."""
    from river import cluster

    return cluster.DBSTREAM(clustering_threshold=1.5, fading_factor=0.001, cleanup_interval=100, minimum_weight=3)


def denstream() -> Model:
    """Return DenStream."""
    from river import cluster

    return cluster.DenStream(decaying_factor=0.01, beta=0.5, mu=4, epsilon=1.2, n_samples_init=300)


def k_means() -> Model:
    """Return streaming k-means behind a scaler."""
    from river import cluster, preprocessing

    return preprocessing.StandardScaler() | cluster.STREAMKMeans(chunk_size=50, n_clusters=6, halflife=0.3, seed=3)


class Counting:
    """A model that numbers its clusters anew every thousand events, when it is looked at."""

    def __init__(self) -> None:
        self.learnt = 0

    def learn_one(self, x: Features) -> None:
        """Count."""
        self.learnt += 1

    def predict_one(self, x: Features) -> int:
        """Return a number that is another after every thousand events."""
        kind = (float(x["pages"]) > 4) + 2 * (float(x["minutes"]) > 4)
        return kind + 10 * ((self.learnt + 400) // 1_000)


def use_case(*, truth: bool = True, **candidates: Any) -> UseCase[Visit, Seen, Kind]:
    """Return the use case, with candidates by name."""
    scoring: dict[str, Any] = {
        "truth_for_scoring": Truth(label=Kind, patience="1d"),
        "target": lambda kind: kind.kind,
    }
    return UseCase(
        "visits",
        "What kinds of visit are under way?",
        Visit,
        Seen,
        features=features,
        task=Clustering(describe={"pages": "pages seen", "minutes": "short/long stay"}, **(scoring if truth else {})),
        candidates={name: Candidate(build) for name, build in candidates.items()} or {"dbstream": Candidate(dbstream)},
        baselines={"many pages": lambda v, seen: float(v.pages > 4)},
    )


def facts(count: int, *, labels: bool = True, seed: int = 3) -> Iterator[Fact]:
    """Yield visits, one a minute, each with its kind half a minute later."""
    rng = random.Random(seed)
    for n in range(count):
        kind = rng.choice(list(PLACES))
        pages, minutes = (rng.gauss(middle, 0.5) for middle in PLACES[kind])
        at = START + timedelta(minutes=n)
        yield Visit(occurred_at=at, visit_id=f"v{n}", who=f"w{n % 7}", pages=pages, minutes=minutes)
        if labels:
            yield Kind(known_at=at + timedelta(seconds=30), visit_id=f"v{n}", kind=kind)


class Met:
    """A fact in its place."""

    def __init__(self, fact: Fact) -> None:
        self.fact = fact
        self.time = available_at(fact)

"""Replays facts through the very loop the trainer runs, and keeps everything that comes of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import msgspec

from millrace.checking.trial import Met
from millrace.domain.facts import Event, available_at
from millrace.domain.records import Score
from millrace.domain.times import micros
from millrace.domain.usecase import AnyUseCase, Fact, Features
from millrace.learning.contest import Foreseen
from millrace.learning.digest import digest
from millrace.learning.learner import Learner
from millrace.learning.outcomes import Foreseeing, Outcome, Refusal


class Replayed(NamedTuple):
    """What came of the facts, by event id where it is about one.

    `predictions` has the champion's value, `by_candidate` everyone's; `scores` has metrics by name; `digest` is the
    state's.
    """

    outcomes: list[Outcome]
    features: dict[str, Features]
    predictions: dict[str, float | None]
    by_candidate: dict[str, Foreseen]
    scores: dict[str, Score]
    refused: list[Refusal]
    suspended: dict[str, str]
    counters: dict[str, int]
    digest: str


def replay(use_case: AnyUseCase, facts: Iterable[Fact], *, until: datetime | None = None) -> Replayed:
    """Return what comes of facts, which are put in the order they could be known, events before labels.

    Time is moved to `until` afterwards, so that labels held until a horizon settle and patience runs out; without it, just
    past the last fact. A fact reaches the use case as it would from a topic: written as JSON and read again. Raises
    `msgspec.ValidationError` for one that its type does not allow.
    """
    learner = Learner(use_case)
    read = [msgspec.json.decode(msgspec.json.encode(it), type=type(it)) for it in facts]
    met = [Met(available_at(it), it) for it in sorted(read, key=_order)]
    outcomes = list(learner.meet(met))
    outcomes += learner.advance(learner.time + 1 if until is None else max(micros(until), learner.time))
    foreseen = [it for it in outcomes if isinstance(it, Foreseeing)]
    return Replayed(
        outcomes=outcomes,
        features={it.event_id: it.features for it in foreseen},
        predictions={it.event_id: it.foreseen.get(it.champion) if it.champion else None for it in foreseen},
        by_candidate={it.event_id: it.foreseen for it in foreseen},
        scores=learner.contest.standings(),
        refused=[it for it in outcomes if isinstance(it, Refusal)],
        suspended=dict(learner.contest.suspended),
        counters=dict(learner.counters),
        digest=digest(learner.dump()),
    )


def _order(fact: Fact) -> tuple[int, bool]:
    return available_at(fact), not isinstance(fact, Event)

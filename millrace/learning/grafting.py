"""A learner of a changed use case that goes on with what another one has learnt, as far as the change leaves it.

What is kept is said by name; everything else begins empty. The outcome is a state of its own: it is never taken for the one it
was made from, and what comes after it is replayed from it alone. Events that wait for their truth go on waiting: it teaches the
profiles, and the candidates where features are as they were.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from millrace.domain.usecase import AnyUseCase
from millrace.learning.learner import Learner
from millrace.learning.sealed import LEARNING, MODEL, SERVING, load


class Kept(NamedTuple):
    """Names of what goes on: candidates and baselines (`contestants`), profiles; and whether features are as they were."""

    contestants: frozenset[str]
    profiles: frozenset[str]
    features: bool


def graft(use_case: AnyUseCase, parts: Mapping[str, bytes], kept: Kept) -> Learner:
    """Return a learner that has of a checkpoint's parts what is kept, and begins anew with the rest.

    Raises `Untrusted` where a part holds what a state may not.
    """
    own = use_case.features.__module__

    def read(part: str) -> Any:
        return load(parts[part], own, earlier=True)

    models = {
        name: read(MODEL + name) if name in kept.contestants else candidate.build()
        for name, candidate in use_case.candidates.items()
    }
    was, grafted = {**read(LEARNING), **read(SERVING)}, Learner(use_case, models)
    grafted.contest.inherit(was["contest"], kept.contestants)
    grafted.memory.inherit(was["profiles"], kept.profiles)
    grafted.drift.inherit(was["drift"], kept.contestants, features=kept.features)
    grafted.ledger.load(was["ledger"])
    grafted.ledger.restrict(kept.contestants if kept.features else ())
    passing = {name: was[name] for name in ("clock", "counters", "alarms")}
    grafted.load({**grafted.dump(), **passing, "recent": was["recent_events"]})
    return grafted

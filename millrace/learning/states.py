"""From a learner to the parts of a sealed state, and back."""

from __future__ import annotations

from typing import Any

import msgspec

from millrace.domain.times import Micros, rfc3339
from millrace.domain.usecase import AnyUseCase
from millrace.learning.clusterer import Clusterer
from millrace.learning.digest import digest
from millrace.learning.learner import Learner
from millrace.learning.sealed import LEARNING, MODEL, SERVING, dump, load

_ONLY_LEARNING = ("contest", "ledger", "clock", "counters", "drift", "alarms")


def snapshot_parts(learner: Learner) -> dict[str, bytes]:
    """Return what serving needs: one part a model, and the profiles."""
    parts = {MODEL + name: dump(player.model) for name, player in learner.contest.players.items()}
    parts[SERVING] = dump(
        {
            "profiles": learner.memory.dump(),
            "champion": learner.contest.champion,
            "suspended": sorted(learner.contest.suspended),
            "recent_events": [msgspec.json.encode(event) for event in learner.recent],
            **_groups(learner),
        }
    )
    return parts


def _groups(learner: Learner) -> dict[str, Any]:
    """Return what serving needs of candidates that group: how events find their cluster, and what the clusters are like."""
    players = {name: it for name, it in learner.contest.players.items() if isinstance(it, Clusterer)}
    if not players:
        return {}
    clusters = {name: msgspec.json.encode(its) for name, its in learner.contest.clusters().items()}
    return {"groupings": {name: tuple(it.grouping) for name, it in players.items()}, "clusters": clusters}


def checkpoint_parts(learner: Learner) -> dict[str, bytes]:
    """Return the whole state: what a snapshot has, and what only learning needs."""
    whole = learner.dump()
    return {**snapshot_parts(learner), LEARNING: dump({name: whole[name] for name in _ONLY_LEARNING})}


def restore(use_case: AnyUseCase, parts: dict[str, bytes]) -> Learner:
    """Return a learner in the state that a checkpoint's parts hold."""
    own = use_case.features.__module__
    serving = load(parts[SERVING], own)
    models: dict[str, Any] = {name: load(parts[MODEL + name], own) for name in use_case.candidates}
    learner = Learner(use_case, models)
    learner.load(
        {
            **load(parts[LEARNING], own),
            "models": models,
            "profiles": serving["profiles"],
            "recent": serving["recent_events"],
        }
    )
    return learner


def digest_of(learner: Learner, positions: dict[str, int]) -> str:
    """Return the digest of a state: all a learner is, and where it stands in its input."""
    return digest({**learner.dump(), "positions": dict(sorted(positions.items()))})


def when(at: Micros) -> str | None:
    """Return a moment in RFC 3339, or `None` for the time before the first."""
    return rfc3339(at) if at else None

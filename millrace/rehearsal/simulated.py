"""A piece of a simulated stream to rehearse on, with what the oracle knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from millrace.domain.errors import UseCaseError
from millrace.domain.facts import Event
from millrace.domain.simulation import Drift
from millrace.domain.usecase import AnyUseCase, Fact

_REPORT_EVERY = 1_000


class Simulated(NamedTuple):
    """Facts in order, and the oracle's prediction by event id."""

    facts: list[Fact]
    oracle: dict[str, float]


def simulate(
    use_case: AnyUseCase,
    events: int,
    seed: int,
    drifts: tuple[Drift, ...] = (),
    progress: Callable[[float], None] | None = None,
) -> Simulated:
    """Return the first `events` events of a use case's simulated stream, with the labels that are known by then.

    Raises `UseCaseError` when it has no simulator, or for an unknown drift.
    """
    if use_case.simulator is None:
        raise UseCaseError(f"{use_case.name} has no simulator; give it simulator=by_day(…)")
    found = Simulated([], {})
    for fact, oracle in use_case.simulator.play(seed, use_case.simulator.drifts(drifts)):
        found.facts.append(fact)
        if not isinstance(fact, Event):
            continue
        if oracle is not None:
            found.oracle[str(getattr(fact, use_case.id_field))] = oracle
        events -= 1
        if progress and events % _REPORT_EVERY == 0:
            progress(len(found.oracle) / (len(found.oracle) + events))
        if events == 0:
            break
    return found

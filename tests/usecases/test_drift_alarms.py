"""What drift alarms promise on a stream with weather, rush hours and weekends; the figures are in docs/drift.md."""

from __future__ import annotations

from functools import cache

from millrace.domain.simulation import Drift
from millrace.domain.usecase import Fact
from millrace.learning.learner import Learner
from millrace.learning.states import checkpoint_parts, restore
from millrace.rehearsal.simulated import simulate
from millrace.usecases.trip_eta import trip_eta
from tests.usecases.test_every_use_case import Met

BEGINS, WITHIN = 30_000, 2_000
SEEDS = (1, 2, 3)


def upto(seed: int, *drifts: Drift, events: int = BEGINS) -> list[Fact]:
    return simulate(trip_eta, events, seed, drifts).facts


@cache
def alarms(seed: int) -> dict[str, list[int]]:
    """Return at which events there was an alarm: before anything changed, and within so many events of each scenario."""
    quiet = upto(seed)
    learner = Learner(trip_eta)
    list(learner.meet(Met(it) for it in quiet))
    parts = checkpoint_parts(learner)
    found = {"": [it.event for it in learner.alarms]}
    for scenario in trip_eta.simulator.scenarios:  # type: ignore[union-attr]
        changed = restore(trip_eta, parts)
        rest = upto(seed, Drift(scenario, BEGINS), events=BEGINS + WITHIN)[len(quiet) :]
        list(changed.meet(Met(it) for it in rest))
        found[scenario] = [it.event for it in changed.alarms if it.event > BEGINS]
    return found


def test_most_scenarios_are_found_within_2000_events() -> None:
    """Four of five is what was measured on seeds that nothing was tuned by; of nine, six at least."""
    found = [bool(events) for seed in SEEDS for scenario, events in alarms(seed).items() if scenario]
    assert len(found) == 9
    assert sum(found) >= 6, {seed: alarms(seed) for seed in SEEDS}


def test_quiet_days_raise_at_most_one_alarm_a_week() -> None:
    """On the mean: twelve quiet days of three streams raise two at most."""
    assert sum(len(alarms(seed)[""]) for seed in SEEDS) <= 2, {seed: alarms(seed)[""] for seed in SEEDS}

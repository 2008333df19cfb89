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
SCENARIO = "new-estimator"
SEEDS = (1, 2)


def upto(seed: int, *drifts: Drift, events: int = BEGINS) -> list[Fact]:
    return simulate(trip_eta, events, seed, drifts).facts


@cache
def alarms(seed: int) -> dict[str, list[int]]:
    """Return at which events there was an alarm: before anything changed, and within so many events of the change."""
    quiet = upto(seed)
    learner = Learner(trip_eta)
    list(learner.meet(Met(it) for it in quiet))
    parts = checkpoint_parts(learner)
    found = {"": [it.event for it in learner.alarms]}
    changed = restore(trip_eta, parts)
    rest = upto(seed, Drift(SCENARIO, BEGINS), events=BEGINS + WITHIN)[len(quiet) :]
    list(changed.meet(Met(it) for it in rest))
    return found | {SCENARIO: [it.event for it in changed.alarms if it.event > BEGINS]}


def test_another_estimator_is_found_within_2000_events() -> None:
    """It shows in features and errors. What shows in errors alone is found mostly, not always: the shares are in the docs."""
    assert all(alarms(seed)[SCENARIO] for seed in SEEDS), {seed: alarms(seed) for seed in SEEDS}


def test_the_first_days_raise_two_alarms_a_stream_at_most() -> None:
    """On the mean; they have more than later ones, for there are few days to compare with."""
    assert sum(len(alarms(seed)[""]) for seed in SEEDS) <= 2 * len(SEEDS), {seed: alarms(seed)[""] for seed in SEEDS}

"""What every simulated stream must be: seeded, taken up anywhere, honest, and changed on demand."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import dropwhile, islice
from statistics import median
from typing import Any, NamedTuple

import msgspec
import pytest

from millrace.domain.errors import UseCaseError
from millrace.domain.facts import Event, available_at
from millrace.domain.metrics import badness
from millrace.domain.simulation import Drift, Drifts, Simulator
from millrace.domain.tasks import Classification, Clustering
from millrace.domain.usecase import AnyUseCase
from millrace.learning.contest import score_for
from millrace.learning.outcomes import Foreseeing
from millrace.learning.shard import Shard
from millrace.rehearsal import rehearse
from millrace.rehearsal.oracle import Oracle
from millrace.rehearsal.simulated import Simulated, simulate
from millrace.usecases import find, names
from tests.usecases.test_every_use_case import Met

SIMULATED = [name for name in names() if find(name).simulator is not None]
RESUMABLE = [it for it in map(find, SIMULATED) if it.simulator and it.simulator.play_from]
EVENTS = 30_000


@pytest.fixture(params=SIMULATED)
def case(request: pytest.FixtureRequest) -> AnyUseCase:
    return find(request.param)


def simulator_of(case: AnyUseCase) -> Simulator:
    assert case.simulator is not None
    return case.simulator


@cache
def stream(name: str, events: int = EVENTS) -> Simulated:
    return simulate(find(name), events, seed=7)


def wire(case: AnyUseCase, seed: int, many: int = 3_000) -> list[bytes]:
    return [msgspec.json.encode(it.fact) for it in islice(simulator_of(case).play(seed, Drifts()), many)]


def test_the_same_seed_is_the_same_bytes(case: AnyUseCase) -> None:
    """And another seed is another stream."""
    assert wire(case, 7) == wire(case, 7)
    assert wire(case, 7) != wire(case, 8)


def test_facts_come_in_the_order_in_which_they_could_be_known(case: AnyUseCase) -> None:
    """And no label before its event."""
    facts, known = stream(case.name).facts, set()
    times = [available_at(it) for it in facts]
    assert times == sorted(times)
    for fact in facts:
        if isinstance(fact, Event):
            known.add(getattr(fact, case.id_field))
        else:
            assert getattr(fact, case.of_field) in known


@pytest.mark.parametrize("case", RESUMABLE, ids=lambda it: it.name)
def test_taken_up_at_any_day_it_is_what_it_would_have_been(case: AnyUseCase) -> None:
    """The days before are not played; what comes is the same, drifts and late labels and all."""
    simulator = simulator_of(case)
    assert simulator.play_from is not None
    drifts = tuple(Drift(name, 9_000) for name in simulator.scenarios)
    for day in (0, 3, 8):
        taken_up = simulator.play_from(7, Drifts(drifts), day)
        first = next(taken_up)
        whole = dropwhile(lambda it, first=first: it != first, simulator.play(7, Drifts(drifts)))  # type: ignore[misc]
        assert next(whole) == first
        assert list(islice(whole, 2_000)) == list(islice(taken_up, 2_000))


def test_a_drift_changes_nothing_before_it_begins(case: AnyUseCase) -> None:
    """Byte by byte the same up to its event, and another stream after it."""
    simulator = simulator_of(case)
    assert len(simulator.scenarios) >= 2
    quiet = [it for it in stream(case.name).facts if isinstance(it, Event)]
    for scenario in simulator.scenarios:
        drifted = [it for it in simulate(case, 12_000, 7, (Drift(scenario, 8_000),)).facts if isinstance(it, Event)]
        assert drifted[:8_000] == quiet[:8_000]
        changed = simulate(case, 12_000, 7, (Drift(scenario, 8_000),)).facts != simulate(case, 12_000, 7).facts
        assert changed


def test_an_unknown_drift_is_refused(case: AnyUseCase) -> None:
    """The message names those there are."""
    with pytest.raises(UseCaseError, match=min(simulator_of(case).scenarios)):
        simulate(case, 10, 7, (Drift("flood"),))


class Row(NamedTuple):
    """What a rule may look at, what the best baseline said, what the oracle knew, and the truth."""

    features: dict[str, float]
    baseline: float
    oracle: float
    truth: Any


@cache
def rows(name: str) -> list[Row]:
    """Return labelled events in order, the first third left out: there nothing is remembered yet."""
    case, told = find(name), stream(name)
    shard = Shard(case)
    foreseen = {
        it.event_id: it for it in shard.learner.meet(Met(fact) for fact in told.facts) if isinstance(it, Foreseeing)
    }
    scores = shard.learner.contest.scores
    best = min(case.baselines, key=lambda it: badness(scores[it].metric, scores[it].overall()[scores[it].metric]))
    truths = dict(settled(case, told))
    labelled = [it for one, it in foreseen.items() if one in truths]
    return [
        Row(
            {key: float(value) for key, value in it.features.items() if not isinstance(value, str)},
            it.foreseen[best],
            told.oracle[it.event_id],
            truths[it.event_id],
        )
        for it in labelled[len(labelled) // 3 :]
    ]


def settled(case: AnyUseCase, told: Simulated) -> Iterator[tuple[str, Any]]:
    """Yield the truth of each event whose time has come."""
    found: list[tuple[str, Any]] = []
    numbers = {one: float(number) for number, one in enumerate(told.oracle)}
    listening = Oracle(case, numbers)
    names_of = list(told.oracle)

    class Listening:
        def add(self, predicted: float, truth: Any) -> None:
            found.append((names_of[int(predicted)], truth))

    listening.score = Listening()  # type: ignore[assignment]
    listening.meet(told.facts)
    yield from found


def scored(case: AnyUseCase, rows: list[Row], predicted: list[float]) -> float:
    """Return how bad predictions are: the less, the better."""
    score = score_for(case)()
    for row, it in zip(rows, predicted, strict=True):
        score.add(it, row.truth)
    return badness(score.metric, score.overall()[score.metric])


def best_rule(case: AnyUseCase, rows: list[Row], feature: str) -> float:
    """Return how bad the best rule with one threshold on one feature is, chosen with all truths in hand.

    It corrects what the best baseline says of a number by one amount on each side, gives a yes one probability on each, and
    makes two groups.
    """
    values = sorted(row.features[feature] for row in rows)
    thresholds = {values[len(values) * share // 100] for share in (1, 2, 5, 10, 20, 35, 50, 65, 80, 90, 95, 98, 99)}
    return min(scored(case, rows, by_rule(case, rows, feature, it)) for it in thresholds)


def by_rule(case: AnyUseCase, rows: list[Row], feature: str, threshold: float) -> list[float]:
    sides = [row.features[feature] >= threshold for row in rows]
    if isinstance(case.task, Clustering):
        return [float(side) for side in sides]
    if isinstance(case.task, Classification):
        shares = {
            side: (sum(row.truth for row, it in zip(rows, sides, strict=True) if it == side) + 1)
            / (sides.count(side) + 2)
            for side in (True, False)
        }
        return [shares[side] for side in sides]
    left = {
        side: median([row.truth - row.baseline for row, it in zip(rows, sides, strict=True) if it == side] or [0.0])
        for side in (True, False)
    }
    return [row.baseline + left[side] for row, side in zip(rows, sides, strict=True)]


def test_no_single_rule_finds_the_truth(case: AnyUseCase) -> None:
    """The best rule with one threshold reaches at most half of the oracle's lead over the best baseline."""
    known = rows(case.name)
    baseline = scored(case, known, [row.baseline for row in known])
    oracle = scored(case, known, [row.oracle for row in known])
    assert oracle < baseline
    reached = {it: (baseline - best_rule(case, known, it)) / (baseline - oracle) for it in known[0].features}
    assert max(reached.values()) <= 0.5, sorted(reached.items(), key=lambda it: -it[1])[:3]


def test_nobody_beats_the_oracle(case: AnyUseCase) -> None:
    """It is the ceiling, on the same labels; an onlooker leaves no trace in the state."""
    told = stream(case.name)
    report = rehearse(case, told.facts, oracle=told.oracle)
    assert report.oracle is not None
    everyone = [*(it.overall for it in report.candidates.values()), *report.baselines.values()]
    assert badness(report.metric, report.oracle) < min(badness(report.metric, it) for it in everyone)
    assert report.digest == rehearse(case, told.facts).digest
    assert report.course[-1].scores.keys() == set(report.contestants)

"""Drift on demand: the score falls, who learns on recovers, who stopped learning does not."""

from __future__ import annotations

import pytest

from millrace.domain.metrics import higher_is_better
from millrace.domain.simulation import Drift
from millrace.rehearsal import Report, rehearse
from millrace.rehearsal.report import ORACLE
from millrace.rehearsal.simulated import simulate
from millrace.usecases import find, names

BEGINS = 35_000
EVENTS = 80_000
ONCE = "trained once"
DRIFTS = [
    (name, scenario)
    for name in names()
    if (simulator := find(name).simulator) is not None and ONCE in find(name).candidates
    for scenario in simulator.scenarios
]


def between(report: Report, first: int, last: int) -> dict[str, float]:
    """Return what share of the oracle's score everyone had between two labels: 1 is as good as the oracle."""
    stretches = [it for it in report.course if first < it.until <= last]
    sums = {name: sum(it.labels * it.scores[name] for it in stretches) for name in report.contestants}
    oracle = sums[ORACLE]
    return {name: it / oracle if higher_is_better(report.metric) else oracle / it for name, it in sums.items()}


@pytest.mark.parametrize(("name", "scenario"), DRIFTS)
def test_who_learns_on_recovers_and_who_stopped_does_not(name: str, scenario: str) -> None:
    """After a drift both fall, as shares of what the oracle reaches; only one of them comes back."""
    case = find(name)
    drift = Drift(scenario, BEGINS)
    told = simulate(case, EVENTS, 7, (drift,))
    report = rehearse(case, told.facts, oracle=told.oracle, drifts=(drift,))
    before = between(report, BEGINS - 15_000, BEGINS)
    dip = between(report, BEGINS + 500, BEGINS + 12_000)
    after = between(report, BEGINS + 20_000, EVENTS)
    learner = max((it for it in case.candidates if it != ONCE), key=lambda it: after[it])
    assert dip[learner] < before[learner]
    assert dip[ONCE] < before[ONCE]
    assert after[learner] > dip[learner]
    assert after[ONCE] < 0.95 * before[ONCE]
    assert after[learner] - after[ONCE] > 1.1 * (before[learner] - before[ONCE])
    assert report.drifts == {scenario: BEGINS}

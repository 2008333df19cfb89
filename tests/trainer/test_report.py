"""What a trainer tells in its metrics."""

from __future__ import annotations

import ast
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from millrace.domain.records import Role, Score
from millrace.runtime.telemetry import value
from tests.house.tracked import modules
from tests.trainer.world import World, facts, learn_all, parcels
from trainer.report import REASONS, STUCK_AFTER, Report, gain_of_the_champion

EVENTS = 600


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def shown(name: str, **more: str) -> float | None:
    return value(f"millrace_{name}", {"use_case": parcels.name, "shard": "0", **more})


@pytest.fixture
async def told(tmp_path: Path) -> AsyncIterator[tuple[Report, Clock]]:
    """The report of a trainer that has learnt a little, and the clock it reads."""
    world, clock = World(tmp_path, checkpoint_interval=600.0), Clock()
    await world.produce(facts(EVENTS))
    training = await world.trainer()
    bus = world.bus()
    report = Report(training, training._outlets, bus, "", now=clock)
    await learn_all(training, EVENTS)
    report.refresh()
    yield report, clock
    await training.close()
    await bus.close()


async def test_ages_grow_while_nothing_is_refreshed(told: tuple[Report, Clock]) -> None:
    """A learner that is stuck refreshes nothing: what it did last must not look recent for ever."""
    _, clock = told
    before = shown("registration_age_seconds")
    clock.now += 100.0
    assert before is not None
    assert shown("registration_age_seconds") == before + 100.0


async def test_a_learner_whose_loop_stands_still_does_not_advance(told: tuple[Report, Clock]) -> None:
    """It cannot say so itself: the time since its last refresh does."""
    report, clock = told
    assert shown("advancing") == 1.0
    clock.now += STUCK_AFTER + 1
    assert shown("advancing") == 0.0
    report.refresh()
    assert shown("advancing") == 1.0


async def test_each_who_competes_has_one_role_at_a_time(told: tuple[Report, Clock]) -> None:
    """Panels draw the champion by its role, whoever that is."""
    roles = {
        name: [role for role in ("champion", "challenger", "baseline", "suspended") if _has(name, role)]
        for name in (*parcels.candidates, *parcels.baselines)
    }
    assert all(len(it) == 1 for it in roles.values()), roles
    assert sum(it == ["champion"] for it in roles.values()) == 1
    assert all(roles[name] == ["baseline"] for name in parcels.baselines)


async def test_scores_are_ranked_now_and_then_and_not_at_every_refresh(told: tuple[Report, Clock]) -> None:
    """Ranking what was answered stops learning: ten times a hundred milliseconds would be felt."""
    report, clock = told
    contest, asked = report._training.shard.learner.contest, []
    standings = contest.standings
    contest.standings = lambda: asked.append(clock.now) or standings()  # type: ignore[method-assign, func-returns-value]
    for _ in range(60):
        clock.now += 1.0
        report.refresh()
    assert 5 <= len(asked) <= 7


def _has(name: str, role: str) -> bool:
    return shown("candidate_role", candidate=name, role=role) == 1.0


async def test_a_word_of_the_data_becomes_no_label(told: tuple[Report, Clock]) -> None:
    """A change event's `op` may be anything; each would be a series for ever."""
    report, _ = told
    report._training.shard.learner.counters["skipped_op what-somebody-sent"] += 1
    report.refresh()
    assert shown("facts_total", outcome="events") is not None
    assert shown("facts_total", outcome="skipped_op what-somebody-sent") is None


def test_every_reason_for_a_dead_letter_is_shown_from_the_start() -> None:
    """The first record of a kind is a rise from zero, which an alert can see."""
    assert set(_reasons()) == set(REASONS)


def _reasons() -> Iterator[str]:
    """Yield the reasons that the learning floor gives in words."""
    calls = (it for _, tree in modules("millrace/learning/") for it in ast.walk(tree) if isinstance(it, ast.Call))
    for call in calls:
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        first = call.args[0] if call.args else None
        if name in ("Unreadable", "Refusal", "_refuse") and isinstance(first, ast.Constant):
            yield str(first.value)


def score(role: Role, **recent: float) -> Score:
    return Score(role=role, labels=9, overall={}, recent=recent)


@pytest.mark.parametrize(
    ("metric", "champion", "better", "gain"), [("mae", 9.0, 10.0, 0.1), ("roc_auc", 0.6, 0.8, -0.25)]
)
def test_the_gain_is_the_share_by_which_the_champion_beats_the_best_baseline(
    metric: str, champion: float, better: float, gain: float
) -> None:
    """Above 0 is better, whichever way the metric goes."""
    worse = {"mae": 14.0, "roc_auc": 0.5}[metric]
    standings = {
        "a": score("champion", **{metric: champion}),
        "b": score("challenger", **{metric: better}),
        "c": score("baseline", **{metric: worse}),
        "d": score("baseline", **{metric: better}),
    }
    assert gain_of_the_champion(standings, metric) == pytest.approx(gain)


def test_without_a_baseline_there_is_no_gain() -> None:
    """No number is better than one that means nothing."""
    assert gain_of_the_champion({"a": score("champion", mae=1.0)}, "mae") is None
    assert gain_of_the_champion({"a": score("champion"), "b": score("baseline", mae=1.0)}, "mae") is None

"""What is right passes, and only real facts decide what only they can tell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from millrace.checking import check, load_file
from millrace.checking.sample import made_up
from millrace.domain.facts import Label
from tests.checking.test_wrong_use_cases import RIGHT


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "case.py"
    path.write_text(RIGHT)
    return path


@pytest.fixture
def facts(file: Path) -> list[Any]:
    return made_up(load_file(file), 600)


def test_a_right_use_case_passes_its_trial(file: Path) -> None:
    """Restored at three points in a process with another hash seed it gives the same; its speed is told."""
    checked = check(file)
    assert checked.findings == []
    assert checked.passed
    assert (checked.facts, checked.real) == (4_000, False)
    assert checked.events_per_second > 0


def test_a_state_outside_the_state_is_found_by_restoring(tmp_path: Path) -> None:
    """A model that looks at a variable of its module learns otherwise after a restore: rebuilding would fail."""
    path = tmp_path / "case.py"
    leaky = """
COUNT: list[int] = []


class Leaky:
    def learn_one(self, x, y):
        COUNT.append(1)

    def predict_one(self, x):
        return float(len(COUNT))


def linear() -> Model:
    return Leaky()


case ="""
    path.write_text(RIGHT.replace("\ncase =", leaky))
    checked = check(path)
    assert {it.rule for it in checked.findings} == {"rebuild"}
    assert any("other predictions when restored at 25 %" in it.words for it in checked.findings)


def test_patience_shorter_than_the_labels_take_is_found(file: Path, facts: list[Any]) -> None:
    """Labels that come after the patience would be thrown away: the check says how long they take."""
    late = [
        msgspec.structs.replace(it, known_at=it.known_at + timedelta(days=3)) for it in facts if isinstance(it, Label)
    ]
    checked = check(file, [it for it in facts if not isinstance(it, Label)] + late)
    [found] = [it for it in checked.findings if it.rule == "patience"]
    assert "100% of the labels come after the patience of 48 h" in found.words
    assert 'patience="2d"' in RIGHT.splitlines()[found.line - 1]


def test_labels_that_name_no_event_are_found(file: Path, facts: list[Any]) -> None:
    """A label keyed by something else never meets its event."""
    strange = [msgspec.structs.replace(it, parcel_id="x") if isinstance(it, Label) else it for it in facts]
    checked = check(file, strange)
    [found] = [it for it in checked.findings if it.rule == "no-event"]
    assert "300 of 300 labels name no event there is" in found.words
    assert "Of[str]" in RIGHT.splitlines()[found.line - 1]


def test_a_field_that_is_the_target_is_found(file: Path, facts: list[Any]) -> None:
    """A field that only later data could fill gives itself away: it equals the truth."""
    by_id: dict[str, Any] = {it.parcel_id: it for it in facts if hasattr(it, "minutes_late")}
    leaking = [
        it if isinstance(it, Label) else msgspec.structs.replace(it, distance=by_id[it.parcel_id].minutes_late or 0.0)
        for it in facts
        if isinstance(it, Label) or by_id[it.parcel_id].minutes_late is not None
    ]
    checked = check(file, leaking)
    [found] = [it for it in checked.findings if it.rule == "peeking"]
    assert "field 'distance' of the event equals the target" in found.words


def test_one_key_for_all_is_noted_and_is_no_fault(file: Path, facts: list[Any]) -> None:
    """It works, on one shard for ever."""
    alike = [it if isinstance(it, Label) else msgspec.structs.replace(it, depot="one") for it in facts]
    checked = check(file, alike)
    assert [it.level for it in checked.findings if it.rule == "key"] == ["note"]
    assert checked.passed


def test_made_up_facts_are_the_same_each_time(file: Path) -> None:
    """A check that drew other facts each time would find other faults each time."""
    case = load_file(file)
    assert made_up(case, 100) == made_up(case, 100)
    first: Any = made_up(case, 2)[0]
    assert first.occurred_at == datetime(2024, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("step", "begins", "said", "line"),
    [
        (timedelta(days=40), datetime(2001, 1, 1, tzinfo=UTC), "leaps ahead", "allowed_gap="),
        (timedelta(hours=1), datetime(1951, 1, 1, tzinfo=UTC), "no clock that works gives", "case = UseCase("),
    ],
    ids=["a stream more silent than is allowed", "times before clocks count"],
)
def test_facts_the_learner_would_refuse_are_told(
    file: Path, facts: list[Any], step: timedelta, begins: datetime, said: str, line: str
) -> None:
    """A stream whose records would all be dead letters does not pass."""
    file.write_text(
        file.read_text().replace("    features=features,", '    features=features,\n    allowed_gap="30d",')
    )
    moved = [
        msgspec.structs.replace(it, **{field: begins + number * step})
        for number, it in enumerate(facts)
        for field in [("known_at" if isinstance(it, Label) else "occurred_at")]
    ]
    checked = check(file, moved)
    found = [it for it in checked.findings if said in it.words]
    assert found
    assert not checked.passed
    assert line in file.read_text().splitlines()[found[0].line - 1]

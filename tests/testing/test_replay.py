"""What an author's own tests stand on."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import run

import pytest

from docs.examples.parcel_delay import Delivered, Parcel, parcel_delay
from millrace.testing import replay
from tests.checking.test_wrong_use_cases import RIGHT

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def parcel(name: str, at: datetime) -> Parcel:
    return Parcel(occurred_at=at, parcel_id=name, depot="north", distance=10.0, weather="dry")


def delivered(name: str, at: datetime, late: float) -> Delivered:
    return Delivered(known_at=at, parcel_id=name, minutes_late=late)


def test_a_label_changes_what_is_foreseen_of_later_events_only() -> None:
    """Predict, then learn: the first parcel's lateness is in the second's features and not in its own."""
    done = replay(parcel_delay, [delivered("a", NOON + HOUR, 30.0), parcel("a", NOON), parcel("b", NOON + 2 * HOUR)])
    assert done.features["a"]["usual"] == 0.0
    assert done.features["b"]["usual"] == 30.0
    assert list(done.predictions) == ["a", "b"]
    assert done.scores["usual at the depot"].overall["mae"] == 30.0
    assert done.suspended == {}


def test_what_is_refused_says_why() -> None:
    """An event met twice is refused, and the outcome says so."""
    done = replay(parcel_delay, [parcel("a", NOON), parcel("a", NOON)])
    assert [it.reason for it in done.refused] == ["duplicate"]
    assert len(done.predictions) == 1


def test_time_can_be_moved_past_the_last_fact() -> None:
    """Without its label an event's patience runs out, and it is counted."""
    assert replay(parcel_delay, [parcel("a", NOON)]).counters.get("expired") is None
    assert replay(parcel_delay, [parcel("a", NOON)], until=NOON + 72 * HOUR).counters["expired"] == 1


@pytest.mark.parametrize(("text", "code"), [(RIGHT, 0), (RIGHT.replace("p.distance", "p.minutes_late"), 1)])
def test_pytest_checks_every_use_case_of_a_project(text: str, code: int, tmp_path: Path) -> None:
    """One line of configuration makes each file a test; a failure shows the fault and its line, not our stack."""
    (tmp_path / "cases").mkdir()
    (tmp_path / "cases" / "parcels.py").write_text(text)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmillrace_cases = cases/*.py\n")
    command = [sys.executable, "-m", "pytest", "-q", str(tmp_path)]
    done = run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == code, done.stdout
    assert ("that is peeking" in done.stdout) == bool(code)
    assert "Traceback" not in done.stdout

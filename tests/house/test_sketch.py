"""The example use case: it reads like its question, and a slip in it is flagged before it runs."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from docs.examples.parcel_delay import Delivered, Parcel, parcel_delay
from millrace import Fact
from millrace.domain.facts import available_at
from millrace.rehearsal import rehearse

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "parcel_delay.py"


def checked(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run mypy --strict over a use case, as its author would."""
    case = folder / "case.py"
    case.write_text(text)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(ROOT / ".mypy_cache" / "sketch"), str(case)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


def pyrighted(text: str, folder: Path) -> list[tuple[int, str]]:
    """Run pyright (basedpyright's, with pyright's own rules) over a use case; return line and words of each error."""
    case = folder / "case.py"
    case.write_text(text)
    wanted = {
        "typeCheckingMode": "standard",
        "pythonVersion": "3.11",
        "extraPaths": [str(ROOT)],
        "include": ["case.py"],
    }
    (folder / "pyrightconfig.json").write_text(json.dumps(wanted))
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--pythonpath", sys.executable, "-p", str(folder)]
    run = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    found = json.loads(run.stdout)
    assert found["summary"]["filesAnalyzed"] == 1, run.stderr
    errors = [it for it in found["generalDiagnostics"] if it["severity"] == "error"]
    return [(it["range"]["start"]["line"] + 1, it["message"]) for it in errors]


def test_the_example_passes_the_strict_type_checker(tmp_path: Path) -> None:
    """An author who copies it starts without an error."""
    result = checked(EXAMPLE.read_text(), tmp_path)
    assert result.returncode == 0, result.stdout


def test_the_example_passes_the_editors_type_checker(tmp_path: Path) -> None:
    """What an editor runs (pyright) has nothing to underline."""
    assert pyrighted(EXAMPLE.read_text(), tmp_path) == []


@pytest.mark.parametrize(
    ("right", "mistyped", "said"),
    [
        ("p.distance", "p.distnce", '"distnce" for class "Parcel"'),
        ('"usual": seen.depot', '"usual": seen.dept', '"dept" for class "Seen"'),
        ("d.minutes_late", "d.mins_late", '"mins_late" for class "Delivered"'),
        ("p, seen: seen.depot", "p, seen: seen.dept", '"dept" for class "Seen"'),
    ],
    ids=["field", "profile", "target", "baseline"],
)
def test_a_slip_is_underlined_in_the_editor(right: str, mistyped: str, said: str, tmp_path: Path) -> None:
    """A mistyped field or profile is underlined, and nothing else is."""
    text = EXAMPLE.read_text()
    assert right in text
    wrong = text.replace(right, mistyped, 1)
    line = wrong[: wrong.index(mistyped)].count("\n") + 1
    errors = pyrighted(wrong, tmp_path)
    assert {at for at, _ in errors} == {line}, errors
    assert said in errors[0][1]


@pytest.mark.parametrize(
    ("right", "mistyped", "said"),
    [
        ("p.distance", "p.distnce", '"Parcel" has no attribute "distnce"'),
        ('"usual": seen.depot', '"usual": seen.dept', '"Seen" has no attribute "dept"'),
        ("d.minutes_late", "d.mins_late", '"Delivered" has no attribute "mins_late"'),
        ("p, seen: seen.depot", "p, seen: seen.dept", '"Seen" has no attribute "dept"'),
        ("-> Features:", "-> int:", "Incompatible return value"),
        ("unseen=0.0)\n    network", "\n    )\n    network", "No overload|Missing named argument"),
    ],
    ids=["field", "profile", "target", "baseline", "features", "unseen"],
)
def test_a_slip_is_flagged_by_the_type_checker(right: str, mistyped: str, said: str, tmp_path: Path) -> None:
    """A mistyped field, profile or target is found in the editor, not in the stream."""
    text = EXAMPLE.read_text()
    assert right in text
    result = checked(text.replace(right, mistyped, 1), tmp_path)
    assert result.returncode != 0
    assert any(each in result.stdout for each in said.split("|")), result.stdout


def parcels(count: int) -> Iterator[Fact]:
    """One parcel a minute, later in snow and from the north."""
    chance = random.Random(7)
    for number in range(count):
        at = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=number)
        depot, weather = chance.choice(["north", "south"]), chance.choice(["dry", "rain", "snow"])
        late = 5.0 * (depot == "north") + 10.0 * (weather == "snow") + chance.gauss(0, 1)
        name = f"p{number}"
        yield Parcel(occurred_at=at, parcel_id=name, depot=depot, distance=chance.uniform(1, 90), weather=weather)  # type: ignore[arg-type]
        yield Delivered(known_at=at + timedelta(hours=3, minutes=late), parcel_id=name, minutes_late=late)


def test_the_example_learns_from_a_thousand_events() -> None:
    """What type-checks also runs: every event is foreseen, every label is learnt from."""
    report = rehearse(parcel_delay, sorted(parcels(1_000), key=available_at))
    assert (report.events, report.labels, report.dead_letters) == (1_000, 1_000, 0)
    assert report.candidates["linear"].overall < 10

"""Files that nobody here made: drafted, checked and rehearsed with nothing edited by hand."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sklearn.datasets

from tests.drafting.test_new import called

DATA = Path(__file__).parent / "data"
SKLEARN = Path(sklearn.datasets.__file__).parent / "data"


class Foreign(NamedTuple):
    """Files, how they are told to `millrace new`, what must stand in the draft, and how many of each fact there are."""

    files: tuple[Path, ...]
    told: tuple[str, ...]
    drafted: tuple[str, ...]
    events: int
    labels: int
    known: str


FOREIGN = {
    "missing values, rows in no order, brackets in names, commas in quotes": Foreign(
        (DATA / "penguins-raw.csv",),
        ("--target", "Body Mass (g)"),
        ('time=Time("Date Egg")', "sex: str | None = None", '"Culmen Length (mm)"', "body_mass_g: float | None = None"),
        344,
        342,
        "penguins-raw.csv: 344 events from 344 rows, 286 were not in the order of time and are sorted",
    ),
    "spaces between values, a time in two columns, one name for four columns, times before clocks count": Foreign(
        (DATA / "elnino.dat",),
        ("--target", "NINO3"),
        ('separator=" "', "{row['YR']} {row['MON']}", '"anom_3": "ANOM.3"', 'after="20454d1h"', 'allowed_gap="62d"'),
        360,
        360,
        "",
    ),
    "packed, spaces, no header, no time, the label in a second file": Foreign(
        (SKLEARN / "diabetes_data_raw.csv.gz", SKLEARN / "diabetes_target.csv.gz"),
        (),
        ('"column_10"', 'of="$line"', "946_684_800 + 60 *", '"diabetes_target.csv.gz"'),
        442,
        442,
        "",
    ),
    "days as eight digits, missing truth": Foreign(
        (DATA / "co2.csv",),
        ("--delay", "14d"),
        ('time=Time("date", "%Y%m%d")', "co2: float | None = None"),
        700,
        647,
        "",
    ),
    "days with slashes, a text that is no number": Foreign(
        (DATA / "seattle-weather.csv",),
        ("--target", "temp_max", "--delay", "12h"),
        ('time=Time("date", "%Y/%m/%d")', "weather: Key[str]  # ASK"),
        731,
        731,
        "",
    ),
}


@pytest.mark.parametrize("foreign", FOREIGN.values(), ids=FOREIGN.keys())
def test_a_foreign_file_is_rehearsed_with_nothing_edited(foreign: Foreign, tmp_path: Path) -> None:
    """`new`, `check`, `rehearse`: every row arrives, none is a dead letter, somebody beats the plain mean."""
    for file in foreign.files:
        shutil.copy(file, tmp_path)
    names = [file.name for file in foreign.files]
    second = ["--labels", names[1]] if names[1:] else []
    wrote = called(tmp_path, "-m", "millrace.cli", "new", "foreign", "--from", names[0], *second, *foreign.told)
    assert wrote.returncode == 0, wrote.stderr
    text = (tmp_path / "foreign.py").read_text(encoding="utf-8")
    assert [it for it in foreign.drafted if it not in text] == []
    checked = called(tmp_path, "-m", "millrace.cli", "check", "foreign.py", "--json")
    found = json.loads(checked.stdout)
    assert (checked.returncode, found["passed"], found["real"]) == (0, True, True), found
    run = called(tmp_path, "-m", "millrace.cli", "rehearse", "foreign.py", "--json")
    assert run.returncode == 0, run.stderr
    report: dict[str, Any] = json.loads(run.stdout)
    assert (report["events"], report["labels"], report["dead_letters"]) == (foreign.events, foreign.labels, 0)
    assert foreign.known in run.stderr
    scores = [it["overall"] for it in report["candidates"].values()]
    assert min(scores) < report["baselines"]["overall"]

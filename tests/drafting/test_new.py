"""From a table to a file that runs at once."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from millrace.drafting.values import forms_of, kind_of

ROOT = Path(__file__).parents[2]
HEADER = ["Order No", "Placed", "Shop Name", "class", "Weight (kg)", "Pieces", "Gift", "Minutes"]


def rows(form: str, count: int = 400) -> list[list[str]]:
    """Orders in no order: a shop that is slow, some weights missing, names no Python can have."""
    chance = random.Random(7)
    made = []
    for number in range(count):
        at = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=3 * number)
        shop, pieces = chance.choice("abc"), chance.randint(1, 9)
        weight = "" if chance.random() < 0.1 else f"{chance.uniform(1, 9):.2f}"
        late = 3 * pieces + 5 * (shop == "a") + chance.gauss(0, 1)
        gift = chance.choice(["yes", "no"])
        made.append(
            [f"o{number}", at.strftime(form), shop, chance.choice("xy"), weight, str(pieces), gift, f"{late:.2f}"]
        )
    chance.shuffle(made)
    return made


def called(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, *words], cwd=folder, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("separator", "form", "said"),
    [
        (",", "%Y-%m-%d %H:%M:%S", 'time=Time("Placed")'),
        (";", "%d/%m/%Y %H:%M", 'time=Time("Placed", "%d/%m/%Y %H:%M")'),
        ("\t", "%m/%d/%Y %I:%M %p", 'time=Time("Placed", "%m/%d/%Y %I:%M %p")'),
    ],
    ids=["iso", "day first", "month first"],
)
def test_a_table_becomes_a_use_case_that_runs(separator: str, form: str, said: str, tmp_path: Path) -> None:
    """The file written passes the check and the strict type checker, and prints its scores, with nothing edited."""
    table = [HEADER, *rows(form)]
    (tmp_path / "orders.csv").write_text("\n".join(separator.join(row) for row in table))
    wrote = called(tmp_path, "-m", "millrace.cli", "new", "slow-orders", "--from", "orders.csv")
    assert wrote.returncode == 0, wrote.stderr
    text = (tmp_path / "slow_orders.py").read_text()
    assert said in text
    for line in (
        "order_no: Id[str]  # ASK",
        "shop_name: Key[str]  # ASK",
        "weight_kg: float | None = None",
        "gift: bool",
    ):
        assert line in text
    run = called(tmp_path, "slow_orders.py")
    assert "400 events, 400 labels learnt" in run.stdout, run.stderr
    checked = called(tmp_path, "-m", "millrace.cli", "check", "slow_orders.py", "--json")
    found = json.loads(checked.stdout)
    assert (found["findings"], found["real"], found["facts"]) == ([], True, 800)
    strict = called(
        ROOT, "-m", "mypy", "--strict", "--cache-dir", ".mypy_cache/sketch", str(tmp_path / "slow_orders.py")
    )
    assert strict.returncode == 0, strict.stdout


def test_yes_or_no_becomes_a_classification(tmp_path: Path) -> None:
    """A target with two values is asked as a probability."""
    table = [HEADER, *rows("%Y-%m-%d %H:%M:%S")]
    (tmp_path / "orders.csv").write_text("\n".join(",".join(row) for row in table))
    wrote = called(tmp_path, "-m", "millrace.cli", "new", "gifts", "--from", "orders.csv", "--target", "Gift")
    assert wrote.returncode == 0, wrote.stderr
    assert "task=Classification(" in (tmp_path / "gifts.py").read_text()
    run = called(tmp_path, "gifts.py")
    assert "400 labels learnt" in run.stdout, run.stderr


def test_labels_in_a_second_file_find_their_events_by_id(tmp_path: Path) -> None:
    """A file that names the events and the truth, in another order, needs no time of its own: it is the event's, and later."""
    table = rows("%Y-%m-%d %H:%M:%S", 200)
    (tmp_path / "orders.csv").write_text("\n".join(",".join(row[:-1]) for row in [HEADER, *table]))
    truths = [["Order No", "Minutes"], *([row[0], row[-1]] for row in reversed(table))]
    (tmp_path / "done.csv").write_text("\n".join(";".join(row) for row in truths))
    wrote = called(tmp_path, "-m", "millrace.cli", "new", "slow", "--from", "orders.csv", "--labels", "done.csv")
    assert wrote.returncode == 0, wrote.stderr
    assert 'joined={"event": Side("orders.csv", on="Order No", by="Order No")}' in (tmp_path / "slow.py").read_text()
    assert called(tmp_path, "-m", "millrace.cli", "check", "slow.py").returncode == 0
    run = called(tmp_path, "-m", "millrace.cli", "rehearse", "slow.py", "--json")
    report = json.loads(run.stdout)
    assert (report["events"], report["labels"], report["dead_letters"]) == (200, 200, 0)


def test_what_is_known_only_with_the_truth_is_left_out(tmp_path: Path) -> None:
    """A label known years later is waited for as long as it takes, and what `--later` names is no feature."""
    table = [
        "began,ended,reason,days",
        *(f"20{y:02}-03-01,20{y + 6:02}-03-01,r{y % 2},{2190 + y}" for y in range(1, 40)),
    ]
    (tmp_path / "terms.csv").write_text("\n".join(table))
    words = ("--from", "terms.csv", "--known-at", "ended", "--target", "days", "--later", "reason")
    wrote = called(tmp_path, "-m", "millrace.cli", "new", "terms", *words)
    assert wrote.returncode == 0, wrote.stderr
    text = (tmp_path / "terms.py").read_text()
    assert "reason" not in text
    assert ('patience="2193d"' in text, 'allowed_gap="732d"' in text) == (True, True)
    run = called(tmp_path, "-m", "millrace.cli", "rehearse", "terms.py", "--json")
    assert json.loads(run.stdout)["labels"] == 39


@pytest.mark.parametrize(
    ("name", "values", "form"),
    [
        ("at", ["1700000000", "1700000060"], "s"),
        ("stamp", [1700000000000, 1700000060000], "ms"),
        ("month", ["1977-Jan", "1977-Feb"], "%Y-%b"),
        ("day", ["19-Sep-03", "18-Sep-03"], "%d-%b-%y"),
        ("day", ["Jan-1-1995", "Feb-1-1995"], "%b-%d-%Y"),
        ("date", ["2024-01-01T00:00:00+01:00", "2024-01-02"], "iso"),
        ("year", ["1913", "1914"], "%Y"),
    ],
)
def test_a_time_is_known_by_how_it_is_written(name: str, values: list[Any], form: str) -> None:
    """Only forms in which all values read count; numbers are times only where their name says so."""
    assert (kind_of(name, values), forms_of(name, values)) == ("time", [form])


@pytest.mark.parametrize("values", [["1700000000", "1700000060"], [3, 4]])
def test_numbers_under_another_name_are_no_times(values: list[Any]) -> None:
    """A count may look like seconds since 1970."""
    assert kind_of("pieces", values) == "whole"


def test_a_decimal_is_a_number() -> None:
    """Avro has a type for amounts of money."""
    assert kind_of("price", [Decimal("1.50"), Decimal("20.00")]) == "number"


def test_digits_that_begin_with_nought_are_a_name() -> None:
    """A customer's number is not calculated with."""
    assert kind_of("customer", ["00004", "00021"]) == "text"


def test_a_day_that_could_be_a_month_is_asked(tmp_path: Path) -> None:
    """Both ways of reading stand in the draft, the second as a question."""
    (tmp_path / "a.csv").write_text("when,what\n01/02/2024,1.5\n03/04/2024,2.5\n")
    called(tmp_path, "-m", "millrace.cli", "new", "a", "--from", "a.csv")
    text = (tmp_path / "a.py").read_text()
    assert 'time=Time("when", "%d/%m/%Y")' in text
    assert '# ASK: or is it written "%m/%d/%Y"?' in text


def test_nested_fields_are_named_by_their_paths(tmp_path: Path) -> None:
    """JSON lines need no flattening first."""
    lines = [
        json.dumps({"order": {"id": f"o{n}", "shop": "ab"[n % 2], "gift": "ny"[n % 3 > 0]}, "at": at, "took": n / 2})
        for n, at in enumerate([f"2024-01-{day + 1:02}" for day in range(30)])
    ]
    (tmp_path / "orders.jsonl").write_text("\n".join(lines))
    wrote = called(tmp_path, "-m", "millrace.cli", "new", "orders", "--from", "orders.jsonl")
    assert wrote.returncode == 0, wrote.stderr
    text = (tmp_path / "orders.py").read_text()
    assert ('id="order.id"' in text, 'key="order.shop"' in text) == (True, True)
    assert '{"n": False, "y": True}.get(row.get("order.gift", (row.get("order") or {}).get("gift", "")))' in text
    run = called(tmp_path, "-m", "millrace.cli", "rehearse", "orders.py", "--json")
    assert json.loads(run.stdout)["labels"] == 30


def test_a_column_that_is_not_there_is_told_with_those_there_are(tmp_path: Path) -> None:
    """One line says what to choose from, and nothing is written."""
    (tmp_path / "a.csv").write_text("when,what\n2024-01-01,1\n2024-01-02,2\n")
    done = called(tmp_path, "-m", "millrace.cli", "new", "a", "--from", "a.csv", "--target", "why")
    assert (done.returncode, done.stderr) == (1, "millrace: there is no column 'why'; there are: when, what\n")
    assert not (tmp_path / "a.py").exists()


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    """What an author edited is theirs."""
    (tmp_path / "a.csv").write_text("when,what\n2024-01-01,1\n2024-01-02,2\n")
    (tmp_path / "a.py").write_text("mine")
    done = called(tmp_path, "-m", "millrace.cli", "new", "a", "--from", "a.csv")
    assert done.returncode == 1
    assert (tmp_path / "a.py").read_text() == "mine"

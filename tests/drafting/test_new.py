"""From a table to a file that runs at once."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

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
        (",", "%Y-%m-%d %H:%M:%S", 'format="ISO8601"'),
        (";", "%d/%m/%Y %H:%M", 'format="%d/%m/%Y %H:%M"'),
        ("\t", "%m/%d/%Y %I:%M %p", 'format="%m/%d/%Y %I:%M %p"'),
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
    assert json.loads(checked.stdout)["findings"] == []
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

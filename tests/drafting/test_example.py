"""Who has no data yet gets a use case that runs, with a table of its own."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.drafting.test_new import called


def test_without_a_table_an_example_is_written_that_runs(tmp_path: Path) -> None:
    """It passes the check, and what learns beats what only remembers."""
    wrote = called(tmp_path, "-m", "millrace.cli", "new", "slow-orders")
    assert wrote.returncode == 0, wrote.stderr
    run = called(tmp_path, "slow_orders.py")
    assert "2,000 events, 2,000 labels learnt" in run.stdout, run.stderr
    errors = dict(re.findall(r"^(linear|usual) +\w+ +([0-9.]+)", run.stdout, re.MULTILINE))
    assert float(errors["linear"]) < float(errors["usual"])
    checked = called(tmp_path, "-m", "millrace.cli", "check", "slow_orders.py", "--json")
    assert json.loads(checked.stdout)["findings"] == []


def test_an_example_is_not_written_over_a_table(tmp_path: Path) -> None:
    """The table is left as it is, and the way to draft from it is named."""
    (tmp_path / "orders.csv").write_text("mine")
    refused = called(tmp_path, "-m", "millrace.cli", "new", "orders")
    assert refused.returncode == 1
    assert "--from orders.csv" in refused.stderr
    assert (tmp_path / "orders.csv").read_text() == "mine"


def test_truth_about_no_table_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    """A second table needs a first."""
    refused = called(tmp_path, "-m", "millrace.cli", "new", "orders", "--labels", "paid.csv")
    assert refused.returncode == 1
    assert "--from" in refused.stderr
    assert not list(tmp_path.iterdir())

"""Alerts: each fires when it should and is quiet when it should be, and says what to do."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from observability.alert import RUNBOOKS, Alert
from observability.alerts import ALERTS, rules
from observability.build import ROOT
from observability.queries import faults
from tests.observability.cases import CASES, Series, learning, served

AT = "3h"
FACTS_OF_A_PAGE = ("## What it means", "## How to check", "## How to mend")


@pytest.fixture(scope="module")
def promtool() -> str:
    """Prometheus' own tool."""
    found = shutil.which("promtool")
    if found is None and os.environ.get("CI") != "true":
        pytest.skip("promtool is not there: apt-get install prometheus")
    assert found, "promtool is not there: apt-get install prometheus"
    return found


def world(alert: str, series: Series, firing: bool) -> dict[str, Any]:
    """Return a test of promtool's: whether an alert fires after three hours of some series."""
    found = [{"labels": f'{{alertname="{alert}"}}', "value": 1}] if firing else []
    expr = f'count by (alertname) (ALERTS{{alertname="{alert}",alertstate="firing"}})'
    return {
        "name": f"{alert} {'fires' if firing else 'is quiet'}",
        "interval": "30s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [{"expr": expr, "eval_time": AT, "exp_samples": found}],
    }


def run(promtool: str, folder: Path, worlds: list[dict[str, Any]]) -> subprocess.CompletedProcess[str]:
    (folder / "alerts.yaml").write_text(yaml.dump(rules()))
    (folder / "tests.yaml").write_text(
        yaml.dump({"rule_files": ["alerts.yaml"], "evaluation_interval": "30s", "tests": worlds})
    )
    command = [promtool, "test", "rules", str(folder / "tests.yaml")]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("alert", [it.name for it in ALERTS])
def test_an_alert_fires_and_is_quiet_when_it_should(promtool: str, tmp_path: Path, alert: str) -> None:
    """Both are shown by Prometheus' own rule engine, on three hours of series."""
    fires, quiet = CASES[alert]
    said = run(promtool, tmp_path, [world(alert, fires, True), world(alert, quiet, False)])
    assert said.returncode == 0, said.stdout + said.stderr


@pytest.mark.parametrize(
    ("series", "firing"),
    [
        pytest.param(served("live", 0) | learning(), True, id="a live state that grows old"),
        pytest.param(served("live", 0) | learning(False), False, id="nothing new to serve"),
    ],
)
def test_answers_are_stale_only_while_there_is_something_newer(
    promtool: str, tmp_path: Path, series: Series, firing: bool
) -> None:
    """A stream that is over leaves the last state served for ever, and wakes nobody."""
    said = run(promtool, tmp_path, [world("MillraceAnswersStale", series, firing)])
    assert said.returncode == 0, said.stdout + said.stderr


def test_a_world_that_is_told_wrong_is_noticed(promtool: str, tmp_path: Path) -> None:
    """The test above can fail: what fires is not quiet."""
    said = run(promtool, tmp_path, [world("MillracePartDown", CASES["MillracePartDown"].fires, False)])
    assert said.returncode != 0


def test_every_alert_has_its_two_worlds_and_no_world_is_idle() -> None:
    """An alert that nobody saw firing is a hope."""
    assert set(CASES) == {it.name for it in ALERTS}


def test_rules_and_their_templates_are_read_by_prometheus(promtool: str, tmp_path: Path) -> None:
    """A template with a mistake shows when somebody is woken by it."""
    (tmp_path / "alerts.yaml").write_text(yaml.dump(rules()))
    said = subprocess.run([promtool, "check", "rules", str(tmp_path / "alerts.yaml")], capture_output=True, text=True)
    assert said.returncode == 0, said.stdout + said.stderr


@pytest.mark.parametrize("alert", ALERTS, ids=lambda it: it.name)
def test_an_alert_asks_only_for_what_somebody_exposes(alert: Alert) -> None:
    """Each metric and label is in one of the two catalogues."""
    assert list(faults(alert.expr)) == []


@pytest.mark.parametrize("alert", ALERTS, ids=lambda it: it.name)
def test_an_alert_has_a_page_that_says_what_it_means_how_to_check_and_how_to_mend(alert: Alert) -> None:
    """Who is woken reads one page; its commands are there to be copied."""
    text = (ROOT / alert.rule()["annotations"]["runbook_url"]).read_text()
    assert text.startswith(f"# {alert.name}\n")
    assert [it for it in FACTS_OF_A_PAGE if it not in text] == []
    check = text.split("## How to check")[1].split("## How to mend")[0]
    assert re.search(r"^(millrace|curl|kubectl|promtool) ", check, re.MULTILINE), "no command to copy"


def test_no_page_is_left_of_an_alert_that_is_no_more() -> None:
    """Pages that nothing leads to grow wrong unseen."""
    pages = {it.name for it in (ROOT / RUNBOOKS).glob("*.md")} - {"README.md"}
    assert pages == {it.page for it in ALERTS}


COMMAND = re.compile(r"^(?:[A-Z_]+=\S+ )*millrace ([a-z]+)", re.MULTILINE)


def test_pages_name_only_commands_that_there_are() -> None:
    """A command that is not there costs who is woken minutes."""
    from typer.main import get_command

    from millrace.cli import app

    there = set(get_command(app).commands)  # type: ignore[attr-defined]
    said = {(it.page, name) for it in ALERTS for name in COMMAND.findall((ROOT / RUNBOOKS / it.page).read_text())}
    assert {(page, name) for page, name in said if name not in there} == set()
    assert said

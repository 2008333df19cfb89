"""Dashboards: every query is PromQL that asks only for what somebody exposes; the written files are current."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from millrace.runtime.telemetry import SPECS
from observability.alerts import ALERTS
from observability.build import CHART, ROOT, files
from observability.dashboards import BOARDS, DASHBOARDS
from observability.foreign import FOREIGN
from observability.queries import asked, faults
from observability.scrape import JOBS, TARGETS

QUERIES = {
    f"{board.uid}: {panel.title}: {legend}": query
    for board in BOARDS
    for panel in board.panels()
    for legend, query in panel.queries.items()
}


@pytest.mark.parametrize("query", QUERIES.values(), ids=list(QUERIES))
def test_a_query_asks_only_for_what_somebody_exposes(query: str) -> None:
    """Each metric and label is in one of the two catalogues."""
    assert list(faults(query)) == []


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("rate(millrace_predictoins_total[5m])", "millrace_predictoins_total is in no catalogue"),
        ('millrace_epoch{usecase="a"}', "millrace_epoch has no label usecase"),
        ("sum by (candidate) (millrace_epoch)", "no metric in it has the label candidate"),
        ("rate(millrace_learning_seconds[5m])", "millrace_learning_seconds is in no catalogue"),
    ],
)
def test_a_query_with_a_mistake_is_noticed(query: str, fault: str) -> None:
    """The tests above can fail."""
    assert list(faults(query)) == [fault]


def test_what_is_no_promql_is_refused() -> None:
    """A parser stands behind the check, not a search for words."""
    with pytest.raises(ValueError, match="unclosed left parenthesis"):
        asked("sum by (use_case (millrace_epoch)")


def test_every_metric_of_ours_is_looked_at_somewhere() -> None:
    """One that nobody looks at is one too many."""
    looked_at = {metric for query in [*QUERIES.values(), *(it.expr for it in ALERTS)] for metric, _ in asked(query)}
    assert {spec.name for spec in SPECS.values() if not looked_at & set(spec.series)} == set()
    assert set(FOREIGN) - looked_at == set()


@pytest.mark.parametrize("path", files(), ids=str)
def test_a_written_file_is_current(path: Path) -> None:
    """`python -m observability.build` was run after the last change."""
    assert (ROOT / path).read_text() == files()[path]


def test_no_dashboard_is_left_of_one_that_is_no_more() -> None:
    """The chart takes every file in the folder."""
    assert {it.stem for it in (ROOT / CHART / "dashboards").glob("*.json")} == set(DASHBOARDS)


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_is_one_that_grafana_can_draw(name: str) -> None:
    """Each panel has a title, says what it shows, has a unit and its place, and asks the source that is chosen."""
    board = json.loads(DASHBOARDS[name]())
    rows = [it for it in board["panels"] if it["type"] == "row"]
    panels = [it for it in board["panels"] if it["type"] != "row"]
    assert board["uid"] == name
    assert rows
    assert len({it["title"] for it in panels}) == len(panels) > 5
    for panel in panels:
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert {it["datasource"]["uid"] for it in panel["targets"]} == {"${datasource}"}
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24, panel["title"]
    names = {it["name"] for it in board["templating"]["list"]}
    assert {word for it in panels for target in it["targets"] for word in _variables(target["expr"])} <= names


def _variables(query: str) -> set[str]:
    return {name for name in ("use_case", "namespace") if f"${name}" in query}


def test_panels_are_named_as_people_look_for_them() -> None:
    """These words are what is typed into a search."""
    titles = {panel.title for board in BOARDS for panel in board.panels()}
    assert titles >= {
        "Predictions/s",
        "Training samples/s",
        "Consumer lag",
        "Dead letters",
        "State age",
        "Checkpoint age",
    }


def test_every_part_is_scraped_under_the_job_that_queries_look_for() -> None:
    """One list for whoever writes monitors."""
    written = yaml.safe_load((ROOT / CHART / "scrape.yaml").read_text())["targets"]
    assert {it["part"]: it["job"] for it in written if it["ours"]} == JOBS
    assert len({it.job for it in TARGETS}) == len(TARGETS)


def test_targets_have_the_ports_that_the_parts_take_unless_told() -> None:
    """A list that is wrong about a port finds nobody."""
    from millrace.cli.settings import in_force

    told = {it.variable: it.value for it in in_force({})}
    usual = {part: told[f"MILLRACE_{part.upper()}_PORT"] for part in JOBS}
    usual["dashboard"] = told["MILLRACE_DASHBOARD_HEALTH_PORT"]  # the pages' own port is everybody's
    assert {it.part: str(it.port) for it in TARGETS if it.ours} == usual

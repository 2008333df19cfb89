"""What Grafana's own linter asks of dashboards, but for its variables `job` and `instance`: ours are chosen by use case."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from observability.dashboards import BOARDS, DASHBOARDS

QUERIES = {
    f"{board.uid}: {panel.title}: {legend}": query
    for board in BOARDS
    for panel in board.panels()
    for legend, query in panel.queries.items()
}
COUNTED = re.compile(r"\b[a-z_]+_(?:total|bucket|count|sum)\b(?=[{\[\s)]|$)")
"""A series that only grows, as its name says."""


def read(name: str) -> dict[str, Any]:
    return dict(json.loads(DASHBOARDS[name]()))


@pytest.mark.parametrize("name", DASHBOARDS)
def test_the_source_is_a_variable_that_a_person_can_choose(name: str) -> None:
    """Named and labelled as everywhere; it lists Prometheus servers."""
    first = read(name)["templating"]["list"][0]
    assert (first["name"], first["label"], first["type"], first["query"]) == (
        "datasource",
        "Data source",
        "datasource",
        "prometheus",
    )


@pytest.mark.parametrize("name", DASHBOARDS)
def test_variables_follow_the_time_that_is_looked_at(name: str) -> None:
    """A use case of last week can be chosen when last week is looked at."""
    variables = [it for it in read(name)["templating"]["list"] if it["type"] == "query"]
    assert {it["refresh"] for it in variables} <= {2}


@pytest.mark.parametrize("name", DASHBOARDS)
def test_what_comes_from_code_is_not_edited_in_the_browser(name: str) -> None:
    """Grafana would let a person change it and lose the change."""
    assert read(name)["editable"] is False


@pytest.mark.parametrize("name", DASHBOARDS)
def test_no_panel_is_without_a_query_and_each_names_its_own(name: str) -> None:
    """Two with one letter hide each other."""
    for panel in read(name)["panels"]:
        letters = [it["refId"] for it in panel.get("targets", ())]
        assert panel["type"] == "row" or letters, panel["title"]
        assert len(letters) == len(set(letters)), panel["title"]


SELDOM = "mlflow_http_request_duration_seconds"
"""MLflow is asked at registrations, minutes apart."""


@pytest.mark.parametrize("query", QUERIES.values(), ids=list(QUERIES))
def test_a_rate_spans_what_the_zoom_and_the_scrapes_ask_for(query: str) -> None:
    """A fixed window is empty where scrapes are rare, and hides peaks. Shares have one of their own, and what is seldom asked."""
    if ") / " in query or SELDOM in query:
        return
    assert [it for it in re.findall(r"\brate\([^\[]*\[([^\]]+)\]", query) if it != "$__rate_interval"] == []


@pytest.mark.parametrize("query", QUERIES.values(), ids=list(QUERIES))
def test_what_only_grows_is_shown_as_growth(query: str) -> None:
    """The total since a process began says nothing."""
    grown = re.sub(r"\b(?:rate|increase|irate|resets)\((?:[^()\[]|\([^()]*\))*\[[^\]]+\](?: offset \w+)?\)", "", query)
    assert COUNTED.findall(re.sub(r"\"[^\"]*\"", '""', grown)) == []


def test_a_total_by_itself_would_be_found() -> None:
    """The rule above can fail."""
    with pytest.raises(AssertionError):
        test_what_only_grows_is_shown_as_growth('sum(millrace_batches_total{use_case="a"})')
    test_what_only_grows_is_shown_as_growth('sum(rate(millrace_batches_total{use_case="a"}[5m]))')

"""A real Prometheus scrapes the running platform: every query whose part runs here has data, and no alert is in fault."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from millrace.runtime.telemetry import EVERY, PARTS, SPECS
from observability.alerts import ALERTS
from observability.dashboards import BOARDS
from observability.queries import elsewhere
from tests.e2e.asking import COMPARED, FILLED, QUERIES, Prometheus, watched
from tests.e2e.test_the_platform_in_a_browser import CHROMIUM, FLAGS, playwright
from tests.platform import BACK, UP, Running, ask

pytestmark = watched("prometheus", "promtool", "chromium")


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The whole platform with Prometheus, watched by somebody, asked now and then."""
    it = Running(tmp_path_factory.mktemp("watched"), "--prometheus", "--speed", "20000")
    try:
        pages = it.wait(lambda: it.address("Pages"), UP)
        with playwright.sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            browser.new_page().goto(pages)
            api = it.address()
            it.wait(lambda: httpx.get(f"{api}/v1/use-cases/flight-delay/example").status_code == 200, BACK)
            yield it
            browser.close()
    finally:
        it.stop()


@pytest.fixture(scope="module")
def prometheus(platform: Running) -> Prometheus:
    """Prometheus, once it has seen all there is to be seen."""
    found = Prometheus(platform.address("Watch"))
    deadline = time.monotonic() + FILLED
    while found.without_data(QUERIES | COMPARED) and time.monotonic() < deadline:
        ask(platform.address())
        time.sleep(2.0)
    return found


def test_every_query_whose_part_runs_here_has_data(prometheus: Prometheus) -> None:
    """Empty panels are found before somebody needs them; those of others' exporters are listed with the reason."""
    here = {name: query for name, query in QUERIES.items() if not elsewhere(query)}
    others = {name: elsewhere(query) for name, query in QUERIES.items() if elsewhere(query)}
    empty = prometheus.without_data(QUERIES)
    print(
        f"\n{len(QUERIES)} queries of dashboards: {len(here) - len(empty)} of {len(here)} have data, {len(others)} are of others"
    )
    for name, reason in others.items():
        print(f"  not here  {name}  ({reason})")
    assert empty == []


def test_all_that_alerts_compare_has_data(prometheus: Prometheus) -> None:
    """An alert on nothing never fires."""
    here = [name for name, query in COMPARED.items() if not elsewhere(query)]
    print(f"\n{len(ALERTS)} alerts compare {len(COMPARED)} queries: {len(here)} have their part here")
    assert prometheus.without_data(COMPARED) == []


def test_every_rule_is_evaluated_without_a_fault(prometheus: Prometheus) -> None:
    """Many-to-many matches show only on real series."""
    rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
    assert {it["name"] for it in rules} == {it.name for it in ALERTS}
    assert {it["name"]: it.get("lastError") for it in rules if it["health"] != "ok"} == {}


def test_a_healthy_platform_wakes_nobody(prometheus: Prometheus) -> None:
    """What is news (drift) may be told; a warning may not."""
    firing = [it["labels"] for it in prometheus.get("alerts")["alerts"] if it["state"] == "firing"]
    assert [it for it in firing if it["severity"] != "info"] == []


def test_where_it_is_said_to_be_a_person_finds_its_pages(platform: Running) -> None:
    """Debian's has them under another path than others: the root leads there."""
    shown = httpx.get(platform.address("Watch"), follow_redirects=True, trust_env=False)
    assert shown.status_code == 200
    assert "Prometheus" in shown.text


def test_every_part_is_asked_and_answers(prometheus: Prometheus) -> None:
    """One job a part, under the name that queries look for."""
    targets = prometheus.get("targets")["activeTargets"]
    assert {(it["labels"]["job"], it["health"]) for it in targets} == {(f"millrace-{part}", "up") for part in PARTS}


@pytest.mark.parametrize("part", PARTS)
def test_a_running_part_shows_a_number_for_all_that_is_declared_for_it(
    platform: Running, prometheus: Prometheus, part: str
) -> None:
    """And for nothing else: what is exposed is in the catalogue, what is in the catalogue is exposed."""
    said = httpx.get(f"{platform.parts()[part]['health']}/metrics", trust_env=False).text
    families = [it for it in text_string_to_metric_families(said) if not re.match("process_|python_", it.name)]
    shown = {sample.name for it in families for sample in it.samples}
    declared = [spec for spec in SPECS.values() if spec.part in (part, EVERY)]
    assert shown == {name for spec in declared for name in spec.series}


def test_what_grafana_has_to_choose_from_is_there(prometheus: Prometheus) -> None:
    """A variable without values is a dashboard without data."""
    for board in BOARDS:
        for label, series in board.variables.items():
            if not elsewhere(series):
                found = prometheus.get(f"label/{label}/values", **{"match[]": series})
                assert found == ["flight-delay"], board.uid

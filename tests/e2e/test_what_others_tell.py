"""A real Prometheus scrapes what the platform leans on, as the chart starts it: what is asked of others, they tell."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator

import pytest

from observability.foreign import METRICS, REDIS, TELLERS, Foreign
from observability.queries import elsewhere, sources
from tests.e2e.asking import COMPARED, FILLED, QUERIES, Prometheus, watched
from tests.e2e.neighbours import Neighbours, neighbours
from tests.platform import BACK, UP, Running

pytestmark = watched("prometheus", "promtool")
FOREIGN = {name: query for name, query in QUERIES.items() if sources(query)}


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neighbours]:
    """What the platform leans on."""
    with neighbours(tmp_path_factory.mktemp("neighbours")) as it:
        assert REDIS in it.here or os.environ.get("CI") != "true", "CI has redis_exporter and must not skip it"
        yield it


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory, beside: Neighbours) -> Iterator[Running]:
    """The platform on all of it, with Prometheus, which is led to it."""
    home = tmp_path_factory.mktemp("watched")
    it = Running(home, "--prometheus", "--no-dashboard", *beside.options, **beside.settings)
    try:
        it.wait(it.address, UP)
        it.wait(lambda: it.parts()["trainer"]["state"] == "ready", BACK)
        config = home / "prometheus" / "prometheus.json"
        told = json.loads(config.read_text())
        config.write_text(json.dumps(told | {"scrape_configs": told["scrape_configs"] + beside.jobs()}))
        os.kill(it.parts()["prometheus"]["pid"], signal.SIGHUP)
        yield it
    finally:
        it.stop()


@pytest.fixture(scope="module")
def prometheus(platform: Running, beside: Neighbours) -> Prometheus:
    """Prometheus, once it has seen all there is to be seen."""
    found = Prometheus(platform.address("Watch"))
    deadline = time.monotonic() + FILLED
    while found.without_data(FOREIGN, beside.here) and time.monotonic() < deadline:
        time.sleep(2.0)
    return found


def test_every_query_to_those_who_run_here_has_data(prometheus: Prometheus, beside: Neighbours) -> None:
    """The rest is listed with the reason: who has to be brought, and who lives in Kubernetes only."""
    away = {name: elsewhere(query, beside.here) for name, query in FOREIGN.items() if elsewhere(query, beside.here)}
    print(f"\n{len(FOREIGN)} queries of dashboards ask others: {len(FOREIGN) - len(away)} of them run here")
    for name, reason in away.items():
        print(f"  not here  {name}  ({reason})")
    for source, why in beside.away.items():
        print(f"  {source.name}: {why}")
    assert prometheus.without_data(FOREIGN, beside.here) == []


def test_all_that_alerts_compare_has_data(prometheus: Prometheus, beside: Neighbours) -> None:
    """An alert on nothing never fires."""
    compared = {name: query for name, query in COMPARED.items() if sources(query)}
    here = [name for name, query in compared.items() if not elsewhere(query, beside.here)]
    print(f"\nalerts compare {len(compared)} queries to others: {len(here)} have theirs here")
    assert prometheus.without_data(compared, beside.here) == []


@pytest.mark.parametrize("metric", [it for it in METRICS if it.source in TELLERS.values()], ids=lambda it: it.name)
def test_a_metric_of_others_is_there_with_its_labels(
    prometheus: Prometheus, beside: Neighbours, metric: Foreign
) -> None:
    """Under the job that queries look for: the second catalogue says what they really say."""
    if metric.source not in beside.here:
        pytest.skip(f"{metric.source.name}: {beside.away[metric.source]}")
    found = prometheus.get("series", **{"match[]": metric.name})
    (job,) = [job for job, teller in TELLERS.items() if teller == metric.source]
    assert {it["job"] for it in found} == {job}
    assert [it for it in found if not set(metric.labels) <= set(it)] == []


def test_all_of_them_answer_and_wake_nobody(prometheus: Prometheus, beside: Neighbours) -> None:
    """No rule is in fault on what they say, and healthy services raise no alarm."""
    targets = prometheus.get("targets")["activeTargets"]
    answering = {it["labels"]["job"] for it in targets if it["health"] == "up"}
    assert answering >= {it["job_name"] for it in beside.jobs()}
    rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
    assert {it["name"]: it.get("lastError") for it in rules if it["health"] != "ok"} == {}
    firing = [it["labels"] for it in prometheus.get("alerts")["alerts"] if it["state"] == "firing"]
    assert [it for it in firing if it["severity"] != "info"] == []

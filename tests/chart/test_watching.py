"""What the chart gives to a Prometheus operator that is there: what to ask, when to call, what to show."""

from __future__ import annotations

import json

import yaml

from tests.chart.rendering import CHART, SHAPES, component, objects

WATCHED = SHAPES["watched"]
FILES = CHART / "files"


def test_each_part_of_ours_is_asked_at_a_service_that_is_there() -> None:
    """Under the job's name that alerts and dashboards know, at a port the Service has."""
    targets = {it["part"]: it for it in yaml.safe_load((FILES / "scrape.yaml").read_text())["targets"] if it["ours"]}
    services = {component(it): it for it in objects(*WATCHED, kind="Service")}
    monitors = objects(*WATCHED, kind="ServiceMonitor")
    asked = {}
    for it in monitors:
        part = it["spec"]["selector"]["matchLabels"]["app.kubernetes.io/component"]
        (endpoint,) = it["spec"]["endpoints"]
        (port,) = [each for each in services[part]["spec"]["ports"] if each["name"] == endpoint["port"]]
        asked[part] = (endpoint["relabelings"][0]["replacement"], port["port"], endpoint["path"])
        assert it["spec"]["selector"]["matchLabels"].items() <= services[part]["metadata"]["labels"].items()
        assert it["metadata"]["labels"]["release"] == "monitoring"
    assert asked == {part: (it["job"], it["port"], it["path"]) for part, it in targets.items()}


def test_alerts_and_dashboards_are_those_that_were_tested() -> None:
    """As they were built: what braces mean to Prometheus and Grafana means nothing to helm."""
    (rule,) = objects(*WATCHED, kind="PrometheusRule")
    assert rule["spec"] == yaml.safe_load((FILES / "alerts.yaml").read_text())
    shown = [it for it in objects(*WATCHED, kind="ConfigMap") if "grafana_dashboard" in it["metadata"]["labels"]]
    found = {name: json.loads(text) for it in shown for name, text in it["data"].items()}
    assert found == {file.name: json.loads(file.read_text()) for file in (FILES / "dashboards").glob("*.json")}
    assert len(found) >= 6


def test_nothing_of_it_is_there_unasked() -> None:
    """A cluster without the operator does not know these kinds."""
    assert objects(kind="ServiceMonitor") + objects(kind="PrometheusRule") == []

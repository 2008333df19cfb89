"""What the chart gives to a Prometheus operator that is there: what to ask, when to call, what to show."""

from __future__ import annotations

import json

import pytest
import yaml

from tests.chart.rendering import CHART, PRESETS, SHAPES, Object, component, objects, one, pods, template

WATCHED = SHAPES["watched"]
FILES = CHART / "files"


TARGETS = {it["component"]: it for it in yaml.safe_load((FILES / "scrape.yaml").read_text())["targets"]}


def test_each_target_is_asked_at_a_service_that_is_there() -> None:
    """Ours and those beside them, under the job's name that alerts and dashboards know, at a port the Service has."""
    services = {component(it): it for it in objects(*WATCHED, kind="Service")}
    asked = {}
    for it in objects(*WATCHED, kind="ServiceMonitor"):
        part = it["spec"]["selector"]["matchLabels"]["app.kubernetes.io/component"]
        (endpoint,) = it["spec"]["endpoints"]
        (port,) = [each for each in services[part]["spec"]["ports"] if each["name"] == endpoint["port"]]
        asked[part] = (endpoint["relabelings"][0]["replacement"], port["port"], endpoint["path"])
        assert it["spec"]["selector"]["matchLabels"].items() <= services[part]["metadata"]["labels"].items()
        assert it["metadata"]["labels"]["release"] == "monitoring"
    assert asked == {part: (it["job"], it["port"], it["path"]) for part, it in TARGETS.items()}


WATCHED_HERE = {
    "what others run": (SHAPES["outside"], {"redis", "s3", "mlflow"}),
    "no exporters": (
        ["--set", "kafka.exporter.enabled=false,redis.exporter.enabled=false"],
        {"kafka-exporter", "redis"},
    ),
}


@pytest.mark.parametrize("shape", WATCHED_HERE)
def test_what_the_chart_does_not_run_is_not_asked(shape: str) -> None:
    """Who runs Redis, a store or MLflow for others has it watched; Kafka is asked through an exporter of ours anywhere."""
    options, gone = WATCHED_HERE[shape]
    options = [*options, "--set", "watching.mode=operator,useCases[0].name=a,useCases[0].source=producer"]
    asked = {
        it["spec"]["selector"]["matchLabels"]["app.kubernetes.io/component"]
        for it in objects(*options, kind="ServiceMonitor")
    }
    assert asked == set(TARGETS) - gone
    parts = [it for _, pod in pods(*options) for it in pod["spec"]["containers"]]
    assert ("exporter" in {it["name"] for it in parts}) == ("kafka-exporter" not in gone)


EXTERNAL = ["--set", "kafka.mode=external,kafka.external.existingSecret=k,kafka.external.bootstrapServers=a:1\\,b:2"]


@pytest.mark.parametrize(
    ("options", "flags"),
    [
        ([], {"--kafka.server=m-millrace-kafka-0.m-millrace-kafka.river.svc:9092"}),
        (["--set", "kafka.mode=strimzi"], {"--kafka.server=m-millrace-kafka-bootstrap:9092"}),
        (
            [*EXTERNAL, "--set", "kafka.external.security=SASL_PLAINTEXT,kafka.external.sasl=PLAIN"],
            {"--kafka.server=a:1", "--kafka.server=b:2", "--sasl.enabled", "--sasl.mechanism=plain"},
        ),
        (
            [*EXTERNAL, "--set", "kafka.external.caInSecret=true"],
            {"--sasl.mechanism=scram-sha512", "--tls.enabled", "--tls.ca-file=/kafka-ca/ca.crt"},
        ),
    ],
)
def test_the_brokers_exporter_goes_where_the_parts_go(options: list[str], flags: set[str]) -> None:
    """With the same address, user and certificates; the password comes from the Secret."""
    (container,) = one("Deployment", "-kafka-exporter", *options)["spec"]["template"]["spec"]["containers"]
    assert flags <= set(container["args"])
    secret = "--sasl.enabled" in container["args"]
    assert secret == ("--sasl.password=$(KAFKA_PASSWORD)" in container["args"])
    assert [it["valueFrom"]["secretKeyRef"] for it in container.get("env", ())] == [
        {"name": "k", "key": key} for key in ("user", "password") if secret
    ]


def test_mlflow_answers_prometheus_by_the_pods_address() -> None:
    """It refuses hosts that it does not know, and Prometheus asks pods, not Services."""
    (container,) = one("Deployment", "-mlflow")["spec"]["template"]["spec"]["containers"]
    names = [it["name"] for it in container["env"]]
    hosts = next(it["value"] for it in container["env"] if it["name"] == "MLFLOW_SERVER_ALLOWED_HOSTS")
    assert "$(POD_IP):5000" in hosts.split(",")
    assert names.index("POD_IP") < names.index("MLFLOW_SERVER_ALLOWED_HOSTS"), (
        "Kubernetes fills in only what came before"
    )


def test_alerts_and_dashboards_are_those_that_were_tested() -> None:
    """As they were built: what braces mean to Prometheus and Grafana means nothing to helm."""
    (rule,) = objects(*WATCHED, kind="PrometheusRule")
    assert rule["spec"] == yaml.safe_load((FILES / "alerts.yaml").read_text())
    shown = [it for it in objects(*WATCHED, kind="ConfigMap") if "grafana_dashboard" in it["metadata"]["labels"]]
    found = {name: json.loads(text) for it in shown for name, text in it["data"].items()}
    assert found == {file.name: json.loads(file.read_text()) for file in (FILES / "dashboards").glob("*.json")}
    assert len(found) >= 6


@pytest.mark.parametrize("preset", ["default", "demo"])
def test_nothing_of_it_is_there_unasked(preset: str) -> None:
    """A cluster without the operator does not know these kinds."""
    options = PRESETS[preset]
    assert objects(*options, kind="ServiceMonitor") + objects(*options, kind="PrometheusRule") == []


PAGES = "https://git.example.com/millrace/docs/runbooks"


@pytest.mark.parametrize("mode", ["operator", "bundled"])
def test_alerts_lead_to_the_pages_where_they_are(mode: str) -> None:
    """In both modes one value says where the runbooks are; nothing else of the rules is changed by it."""
    options = ("--set", f"watching.mode={mode},watching.runbooks={PAGES}/")
    told = _rules(mode, *options)
    pages = [rule["annotations"].pop("runbook_url") for group in told["groups"] for rule in group["rules"]]
    plain = yaml.safe_load((FILES / "alerts.yaml").read_text())
    usual = [rule["annotations"].pop("runbook_url") for group in plain["groups"] for rule in group["rules"]]
    assert pages == [it.replace("docs/runbooks", PAGES) for it in usual]
    assert told == plain


def _rules(mode: str, *options: str) -> Object:
    if mode == "operator":
        return dict(objects(*options, kind="PrometheusRule")[0]["spec"])
    return dict(yaml.safe_load(one("ConfigMap", "-prometheus", *options)["data"]["alerts.yaml"]))


def test_an_operator_that_is_not_there_is_missed_before_anything_is_installed() -> None:
    """The API server would refuse one object of many; rendered without a cluster, nothing is held against the values."""
    cluster = (*PRESETS["production"], "--api-versions", "v1/Secret")
    refused = template(*cluster)
    assert refused.returncode != 0
    assert (
        "watching.mode: operator needs a Prometheus operator, and this cluster knows no ServiceMonitor"
        in refused.stderr
    )
    assert template(*cluster, "--api-versions", "monitoring.coreos.com/v1/ServiceMonitor").returncode == 0

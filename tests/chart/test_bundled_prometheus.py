"""Mode bundled: what Prometheus and Alertmanager are told by the chart, held against the tools that read it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.chart.rendering import CHART, PRESETS, SHAPES, component, objects, one, pods, template
from tests.chart.told import DEMO, alertmanager, found, prometheus, scraped

DNS = re.compile(r"m-millrace-all-([a-z0-9-]+)\.river\.svc")


def without_discovery_of_nodes(config: str) -> str:
    """Return a configuration that Debian's Prometheus reads: it is built without Kubernetes."""
    told = yaml.safe_load(config)
    for it in told["scrape_configs"]:
        if it.pop("kubernetes_sd_configs", None):
            it["static_configs"] = [{"targets": ["127.0.0.1:10250"]}]
    return yaml.safe_dump(told)


@pytest.mark.parametrize("shape", ["demo", "watched by its own"])
def test_prometheus_takes_its_configuration_and_its_rules(shape: str, tmp_path: Path) -> None:
    """Its own tool reads both; only the folders are this machine's, and nodes are listed where they would be found."""
    promtool = found("promtool", "prometheus")
    files = prometheus(*SHAPES[shape])
    account = tmp_path / "serviceaccount"
    account.mkdir()
    (account / "token").touch()
    (account / "ca.crt").touch()
    for name, text in files.items():
        here = text.replace("/etc/prometheus/", f"{tmp_path}/")
        (tmp_path / name).write_text(here.replace("/var/run/secrets/kubernetes.io/serviceaccount", str(account)))
    config = tmp_path / "prometheus.yaml"
    config.write_text(without_discovery_of_nodes(config.read_text()))
    said = subprocess.run([promtool, "check", "config", str(config)], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr
    assert f"{tmp_path}/alerts.yaml" in said.stdout
    assert "1 rule files found" in said.stdout


def check(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    """Have Alertmanager's own tool read a configuration."""
    (folder / "alertmanager.yaml").write_text(text)
    argv = [found("amtool", "prometheus-alertmanager"), "check-config", str(folder / "alertmanager.yaml")]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


def test_alertmanager_takes_its_configuration(tmp_path: Path) -> None:
    """Untold, it tells nobody, and its page shows all."""
    said = check(tmp_path, alertmanager(*DEMO))
    assert said.returncode == 0, said.stdout + said.stderr
    assert yaml.safe_load(alertmanager(*DEMO))["receivers"] == [{"name": "nobody"}]


def example() -> str:
    """Return the example of receivers that stands in `values.yaml`, as values."""
    text = (CHART / "values.yaml").read_text()
    lines = re.findall(r"^    #   (.*)$", text[text.index("Alertmanager's own configuration") :], re.MULTILINE)
    return "watching:\n  mode: bundled\n  alertmanager:\n" + "\n".join(f"    {line}" for line in lines) + "\n"


def test_the_example_of_receivers_is_one_that_alertmanager_takes(tmp_path: Path) -> None:
    """Slack, e-mail and a webhook, as they stand in the comments; not a word of them outside the Secret."""
    (tmp_path / "values.yaml").write_text(example())
    given = ("-f", str(tmp_path / "values.yaml"))
    config = alertmanager(*given)
    said = check(tmp_path, config)
    assert said.returncode == 0, said.stdout + said.stderr
    assert "2 receivers" in said.stdout
    assert {key for it in yaml.safe_load(config)["receivers"] for key in it} == {
        "name",
        "slack_configs",
        "email_configs",
        "webhook_configs",
    }
    assert "calls.example.com" in config
    assert "calls.example.com" not in str([it for it in objects(*given) if it["kind"] != "Secret"])


def test_a_configuration_with_a_mistake_would_be_found(tmp_path: Path) -> None:
    """The checks above can fail."""
    assert check(tmp_path, "route: {receiver: a, group: [b]}\nreceivers: [{name: a}]").returncode != 0


def test_each_part_is_asked_under_the_name_that_alerts_and_dashboards_look_for() -> None:
    """Job, path and port are those of the one list; Prometheus and Alertmanager watch themselves as well."""
    listed = yaml.safe_load((CHART / "files" / "scrape.yaml").read_text())["targets"]
    here = {component(pod) for _, pod in pods(*DEMO)}
    wanted = {(it["job"], it["path"], it["component"], it["port"]) for it in listed if it["component"] in here}
    asked = {
        (it["job_name"], it["metrics_path"], DNS.fullmatch(each["names"][0])[1], each["port"])  # type: ignore[index]
        for it in scraped(*DEMO)
        if it["job_name"].startswith("millrace-")
        for each in it["dns_sd_configs"]
    }
    ours = {it["job"] for it in listed if it["ours"]}
    assert asked <= wanted
    assert {it[0] for it in asked} >= ours
    assert {it["job_name"] for it in scraped(*DEMO)} - {it[0] for it in asked} == {
        "prometheus",
        "alertmanager",
        "kube-state-metrics",
        "kubelet",
        "cadvisor",
    }


@pytest.mark.parametrize("shape", ["demo", "watched by its own"])
def test_every_pod_is_found_by_name_one_target_each(shape: str) -> None:
    """The name is a Service without an address of its own, of pods that listen on the port; the ill are among them."""
    options = SHAPES[shape]
    services = {it["metadata"]["name"]: it["spec"] for it in objects(*options, kind="Service")}
    for it in scraped(*options):
        for each in it.get("dns_sd_configs", ()):
            (name,) = each["names"]
            spec = services[name.removesuffix(".river.svc")]
            assert (spec["clusterIP"], spec["publishNotReadyAddresses"], each["type"]) == ("None", True, "A")
            assert each["port"] in {port["port"] for port in spec["ports"]}
            chosen = [pod for _, pod in pods(*options) if spec["selector"].items() <= pod["metadata"]["labels"].items()]
            assert chosen, name
            for pod in chosen:
                ports = {port["containerPort"] for c in pod["spec"]["containers"] for port in c.get("ports", ())}
                assert each["port"] in ports, name


def test_figures_of_pods_are_those_of_this_namespace() -> None:
    """Kubelets tell of all that runs on their nodes; what others run is not kept."""
    kept = {it["job_name"]: it["metric_relabel_configs"] for it in scraped(*DEMO) if "kubernetes_sd_configs" in it}
    assert set(kept) == {"kubelet", "cadvisor"}
    for rules in kept.values():
        assert {"source_labels": ["namespace"], "regex": "river", "action": "keep"} in rules
    (counter,) = one("Deployment", "-kube-state-metrics", *DEMO)["spec"]["template"]["spec"]["containers"]
    assert {"--namespaces=river", "--resources=pods"} <= set(counter["args"])


def test_every_figure_of_kubernetes_that_is_looked_at_is_kept() -> None:
    """What the configuration drops, no panel can show."""
    from observability.foreign import CADVISOR, KUBELET, METRICS, STATE

    keep = {it["job_name"]: it["metric_relabel_configs"][0]["regex"] for it in scraped(*DEMO) if "scheme" in it}
    (counter,) = one("Deployment", "-kube-state-metrics", *DEMO)["spec"]["template"]["spec"]["containers"]
    (allowed,) = [it.partition("=")[2] for it in counter["args"] if it.startswith("--metric-allowlist=")]
    kept = {CADVISOR: keep["cadvisor"], KUBELET: keep["kubelet"], STATE: allowed.replace(",", "|")}
    looked_at = [it for it in METRICS if it.source in kept]
    assert [it.name for it in looked_at if not re.fullmatch(kept[it.source], it.name)] == []
    assert len(looked_at) >= 9


@pytest.mark.parametrize(
    ("size", "most"), [("8Gi", "6553MB"), ("2Gi", "1638MB"), ("500Mi", "400MB"), ("1Ti", "838860MB")]
)
def test_prometheus_never_fills_its_volume(size: str, most: str) -> None:
    """It forgets the oldest from four fifths on, in its own units, which are powers of 1024."""
    options = ("--set", f"watching.mode=bundled,watching.prometheus.storage.size={size}")
    stateful = one("StatefulSet", "-prometheus", *options)["spec"]
    args = stateful["template"]["spec"]["containers"][0]["args"]
    assert f"--storage.tsdb.retention.size={most}" in args
    assert stateful["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"] == size


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("StatefulSet -prometheus", "watching.interval=30s"),
        ("StatefulSet -prometheus", "watching.runbooks=https://a.example.com"),
        ("StatefulSet -alertmanager", "watching.alertmanager.config.route.receiver=nobody"),
        ("Deployment -grafana", "watching.interval=30s"),
    ],
)
def test_who_reads_a_configuration_once_is_started_anew_when_it_changes(part: str, change: str) -> None:
    """The checksum in the pod's annotations rolls it."""
    kind, _, name = part.partition(" ")
    receiver = ("--set", "watching.alertmanager.config.receivers[0].name=nobody") if "config" in change else ()
    before = one(kind, name, *DEMO)["spec"]["template"]["metadata"]["annotations"]
    after = one(kind, name, *DEMO, "--set", change, *receiver)["spec"]["template"]["metadata"]["annotations"]
    assert before != after


def test_a_release_that_is_watched_by_others_or_nobody_brings_none_of_it() -> None:
    """No pod, no Service, no configuration."""
    for options in ((), PRESETS["production"], SHAPES["watched"]):
        text = template(*options).stdout
        assert not re.search(r"component: (prometheus|grafana|alertmanager|kube-state-metrics)\n", _without_peers(text))


def _without_peers(text: str) -> str:
    """Return objects without network policies, which name a Prometheus that may come."""
    kept = [it for it in yaml.load_all(text, yaml.CSafeLoader) if it and it["kind"] != "NetworkPolicy"]
    return yaml.dump_all(kept)

"""Mode bundled: what Grafana is told by the chart, what it shows, and what who installs it is told."""

from __future__ import annotations

import configparser
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.models.dashboard import Dashboard, VariableModel

from tests.chart.rendering import CHART, KUBERNETES, SHAPES, helm, objects, one
from tests.chart.told import DEMO, grafana


def sources() -> dict[str, Any]:
    """Return Grafana's data sources by their type."""
    return {it["type"]: it for it in yaml.safe_load(grafana(*DEMO)["datasources.yaml"])["datasources"]}


def test_grafana_asks_prometheus_and_alertmanager_at_services_that_are_there() -> None:
    """Under ids that stay, so that links to panels do; the first is what `${datasource}` stands for."""
    its = sources()
    assert {name: it["uid"] for name, it in its.items()} == {
        "prometheus": "millrace-prometheus",
        "alertmanager": "millrace-alertmanager",
    }
    services = {
        f"http://{it['metadata']['name']}:{port['port']}"
        for it in objects(*DEMO, kind="Service")
        for port in it["spec"]["ports"]
    }
    assert {it["url"] for it in its.values()} <= services
    assert its["prometheus"]["isDefault"] is True
    assert its["prometheus"]["jsonData"]["alertmanagerUid"] == its["alertmanager"]["uid"]


def shown() -> dict[str, str]:
    """Return the dashboards as files of Grafana's folder, by the pod's volume."""
    spec = one("Deployment", "-grafana", *DEMO)["spec"]["template"]["spec"]
    (volume,) = [it for it in spec["volumes"] if it["name"] == "dashboards"]
    maps = {it["metadata"]["name"]: it["data"] for it in objects(*DEMO, kind="ConfigMap")}
    return {k: v for it in volume["projected"]["sources"] for k, v in maps[it["configMap"]["name"]].items()}


def test_all_dashboards_are_where_grafana_looks_for_them() -> None:
    """In the folder that its provider and its home page name, at the mount of the volume that has them."""
    (container,) = one("Deployment", "-grafana", *DEMO)["spec"]["template"]["spec"]["containers"]
    mounts = {it["name"]: it["mountPath"] for it in container["volumeMounts"]}
    (provider,) = yaml.safe_load(grafana(*DEMO)["dashboards.yaml"])["providers"]
    assert provider["options"]["path"] == mounts["dashboards"]
    assert set(shown()) == {it.name for it in (CHART / "files" / "dashboards").glob("*.json")}
    home = ini()["dashboards"]["default_home_dashboard_path"]
    assert home.removeprefix(f"{mounts['dashboards']}/") in shown()


@pytest.mark.parametrize("file", sorted(it.name for it in (CHART / "files" / "dashboards").glob("*.json")))
def test_a_dashboard_is_one_of_grafanas_own_model_and_its_source_resolves(file: str) -> None:
    """Read and written by the models that Grafana's schema makes; the variable chooses among sources of a type that is there."""
    read = json.loads(shown()[file])
    board = Dashboard.from_json(read)
    assert board.uid == file.removesuffix(".json")
    variables: dict[str, VariableModel] = {it.name: it for it in board.templating.list_val or ()}
    assert str(variables["datasource"].query) in sources()
    named = set(re.findall(r'"uid": "([^"]*)"', json.dumps(read))) - {board.uid, "-- Grafana --", "grafana"}
    assert named == {"${datasource}"}


def ini() -> configparser.ConfigParser:
    """Return Grafana's settings."""
    found = configparser.ConfigParser()
    found.read_string(grafana(*DEMO)["grafana.ini"])
    return found


def test_grafana_speaks_with_nobody_outside() -> None:
    """No figures about its use, no look for updates, no plugins, news, pictures or snapshots from elsewhere."""
    its = ini()
    off = {
        "analytics": ["reporting_enabled", "check_for_updates", "check_for_plugin_updates"],
        "plugins": ["plugin_admin_enabled"],
        "news": ["news_feed_enabled"],
        "snapshots": ["external_enabled"],
        "users": ["allow_sign_up"],
    }
    on = {"plugins": ["preinstall_disabled", "public_key_retrieval_disabled"], "security": ["disable_gravatar"]}
    assert [key for part, keys in off.items() for key in keys if its.getboolean(part, key)] == []
    assert [key for part, keys in on.items() for key in keys if not its.getboolean(part, key)] == []


@pytest.mark.parametrize("anonymous", [False, True])
def test_who_looks_at_grafana_logs_in_unless_told_otherwise(anonymous: bool) -> None:
    """The password comes from a Secret; who need not log in may only look."""
    options = (*DEMO, *(("--set", "watching.grafana.anonymous=true") if anonymous else ()))
    (container,) = one("Deployment", "-grafana", *options)["spec"]["template"]["spec"]["containers"]
    env = {it["name"]: it.get("value", it.get("valueFrom")) for it in container["env"]}
    assert env["GF_AUTH_ANONYMOUS_ENABLED"] == str(anonymous).lower()
    assert ini()["auth.anonymous"]["org_role"] == "Viewer"
    assert env["GF_SECURITY_ADMIN_PASSWORD"]["secretKeyRef"] == {"name": "m-millrace-grafana", "key": "password"}


def test_secrets_that_are_given_are_used_and_none_is_made() -> None:
    """A name of a Secret is taken as it is."""
    options = SHAPES["watched by its own"]
    assert {it["metadata"]["name"] for it in objects(*options, kind="Secret")}.isdisjoint(
        {"m-millrace-grafana", "m-millrace-alertmanager"}
    )
    pod = one("StatefulSet", "-alertmanager", *options)["spec"]["template"]["spec"]
    assert [it["secret"]["secretName"] for it in pod["volumes"] if "secret" in it] == ["a"]


def test_grafana_has_a_host_of_its_own_only_where_it_is_exposed() -> None:
    """The demo shows it; otherwise a port is forwarded."""
    hosts = {rule["host"] for rule in one("Ingress", "", *DEMO)["spec"]["rules"]}
    assert hosts == {"millrace.localhost", "grafana.localhost"}
    hidden = one("Ingress", "", *DEMO, "--set", "watching.grafana.expose=false")
    assert {rule["host"] for rule in hidden["spec"]["rules"]} == {"millrace.localhost"}


def notes(folder: Path, *options: str) -> str:
    """Return what an installation prints at its end: helm renders the notes only for a cluster, so they become an object."""
    chart = folder / "chart"
    if not chart.exists():
        shutil.copytree(CHART, chart)
        text = (chart / "templates" / "NOTES.txt").read_text()
        (chart / "templates" / "_notes.tpl").write_text('{{- define "notes" }}' + text + "{{- end }}")
        (chart / "templates" / "notes.yaml").write_text('said: {{ include "notes" . | toJson }}')
    done = helm(
        "template", "m", str(chart), "-n", "river", "--kube-version", KUBERNETES, "-s", "templates/notes.yaml", *options
    )
    assert done.returncode == 0, done.stderr
    return str(yaml.safe_load(done.stdout)["said"])


def test_who_installed_it_is_told_where_to_look_and_how_to_get_in(tmp_path: Path) -> None:
    """The address of Grafana, the command that prints its password, and that nobody is told of alerts yet."""
    said = notes(tmp_path, *DEMO)
    assert "Grafana    http://grafana.localhost" in said
    assert "get secret m-millrace-grafana -o jsonpath='{.data.password}' | base64 -d" in said
    assert "Nobody is told of alerts: watching.alertmanager.config names receivers." in said
    hidden = notes(tmp_path, *DEMO, "--set", "watching.grafana.expose=false")
    assert "port-forward svc/m-millrace-grafana 3001:3000" in hidden


def test_receivers_that_cannot_be_reached_are_pointed_out(tmp_path: Path) -> None:
    """The policies let Alertmanager out to nowhere unless told."""
    given = "watching.alertmanager.config.route.receiver=a,watching.alertmanager.config.receivers[0].name=a"
    told = (*DEMO, "--set", given)
    assert "may reach none of them" in notes(tmp_path, *told)
    somewhere = ("--set-json", 'watching.alertmanager.egress=[{"cidr":"203.0.113.0/24","ports":[443]}]')
    assert "may reach none of them" not in notes(tmp_path, *told, *somewhere)


def test_no_notes_speak_of_what_is_not_there(tmp_path: Path) -> None:
    """Unwatched, nothing is said of Grafana."""
    assert "Grafana" not in notes(tmp_path)


def test_no_two_objects_of_a_release_have_one_name() -> None:
    """helm renders both without a word, and the cluster keeps the last: a dashboard of Kafka is not Kafka's settings."""
    found = [(it["kind"], it["metadata"]["name"]) for it in objects(*DEMO)]
    assert [it for it in found if found.count(it) > 1] == []


def test_who_has_a_grafana_gets_the_dashboards_and_no_second_one(tmp_path: Path) -> None:
    """They are ConfigMaps with the label that Grafana's own chart looks for."""
    own = SHAPES["watched beside its own Grafana"]
    left = {(it["kind"], it["metadata"]["name"]) for it in objects(*own) if "grafana" in it["metadata"]["name"]}
    assert left == set()
    maps = [it for it in objects(*own, kind="ConfigMap") if "grafana_dashboard" in it["metadata"]["labels"]]
    assert {name for it in maps for name in it["data"]} == set(shown())
    assert "Grafana" not in notes(tmp_path, *own)

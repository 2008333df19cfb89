"""One list of arrows: the network policies are made of it, and the running platform keeps to it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import pytest
import yaml

from tests.chart.rendering import CHART, PRESETS, SHAPES, Object, component, objects, pods

OUTSIDE = {"ingress", "monitoring"}
ELSEWHERE = {"schema-registry", "kubernetes", "kubelet", "receivers"}
"""Targets that are never pods of the release."""


class Arrow(NamedTuple):
    """A connection that is opened."""

    opener: str
    to: str
    port: int


def drawn() -> set[Arrow]:
    """Return the arrows of the list."""
    listed = yaml.safe_load((CHART / "files" / "connections.yaml").read_text())["connections"]
    arrows = [Arrow(it["from"], it["to"], it["port"]) for it in listed]
    assert len(arrows) == len(set(arrows)), "an arrow is drawn twice"
    assert all(it["why"] for it in listed)
    return set(arrows)


def policies(*options: str) -> dict[str, Object]:
    """Return the policy of each component."""
    found = objects(*options, kind="NetworkPolicy")
    return {component(it): it["spec"] for it in found if not it["metadata"]["name"].endswith("-nothing")}


def allowed(*options: str) -> set[Arrow]:
    """Return the connections that policies let through: both ends must agree, as Kubernetes has it."""
    found = policies(*options)
    out = {arrow for name, spec in found.items() for arrow in _out(name, spec)}
    into = {arrow for name, spec in found.items() for arrow in _into(name, spec)}
    within = {it for it in out & into if it.opener in found}
    return within | {it for it in into if it.opener in OUTSIDE}


def halves(*options: str) -> set[Arrow]:
    """Return what one end lets through and the other does not."""
    found = policies(*options)
    out = {arrow for name, spec in found.items() for arrow in _out(name, spec) if arrow.to in found}
    into = {arrow for name, spec in found.items() for arrow in _into(name, spec) if arrow.opener in found}
    return out ^ into


def _out(name: str, spec: Object) -> Iterator[Arrow]:
    for rule in spec["egress"]:
        for peer in rule["to"]:
            for port in rule["ports"]:
                if "podSelector" in peer and "namespaceSelector" not in peer:
                    yield Arrow(name, _part(peer), port["port"])


def _into(name: str, spec: Object) -> Iterator[Arrow]:
    for rule in spec["ingress"] or ():  # none: nobody opens a connection to it
        for port in rule["ports"]:
            yield from {Arrow(who, name, port["port"]) for who in _openers(rule["from"])}


def _openers(peers: Iterable[Object]) -> Iterator[str]:
    for peer in peers:
        if "podSelector" in peer:
            yield _part(peer)
        else:
            (chosen,) = peer["namespaceSelector"]["matchExpressions"]
            yield {"monitoring": "monitoring", "kube-system": "ingress", "ingress-nginx": "ingress"}[
                chosen["values"][0]
            ]


def _part(peer: Object) -> str:
    labels = peer["podSelector"]["matchLabels"]
    assert labels["app.kubernetes.io/instance"] == "m", "a peer of another release would be let in"
    return str(labels["app.kubernetes.io/component"])


@pytest.mark.parametrize("shape", sorted(set(SHAPES) - {"without extras", "strimzi"}))
def test_what_is_drawn_is_allowed_and_nothing_else(shape: str) -> None:
    """Each arrow between parts that run here is let through at both ends; no policy lets through what is not drawn."""
    options = SHAPES[shape]
    here = set(policies(*options))
    ingress = {it for it in drawn() if it.opener == "ingress"}
    asked = {"mlflow": shape == "exposed", "grafana": True}  # Grafana is exposed wherever there are both
    exposed = {it for it in ingress if asked.get(it.to, True)} if _has_ingress(options) else set()
    ours = {it._replace(opener="prometheus") for it in drawn() if it.opener == "monitoring"}
    between = {it for it in drawn() - ingress | ours if it.to in here and (it.opener in here or it.opener in OUTSIDE)}
    assert allowed(*options) == between | {it for it in exposed if it.to in here}
    assert halves(*options) == set()


def _has_ingress(options: list[str]) -> bool:
    return bool(objects(*options, kind="Ingress"))


@pytest.mark.parametrize("shape", sorted(set(SHAPES) - {"without extras"}))
def test_a_pod_that_is_in_no_policy_does_not_exist(shape: str) -> None:
    """Each component has a policy of its own, both ways, and one more shuts whatever else the release runs."""
    options = SHAPES[shape]
    found = policies(*options)
    assert {component(pod) for _, pod in pods(*options)} <= set(found)
    assert all(spec["policyTypes"] == ["Ingress", "Egress"] for spec in found.values())
    (shut,) = [it for it in objects(*options, kind="NetworkPolicy") if it["metadata"]["name"].endswith("-nothing")]
    assert set(shut["spec"]) == {"podSelector", "policyTypes"}
    for _, pod in pods(*options):
        assert shut["spec"]["podSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()


def test_every_port_of_an_arrow_is_one_its_target_listens_on() -> None:
    """An arrow to a port where nobody listens lets nothing through."""
    listened: dict[str, set[int]] = {}
    for _, pod in pods(*PRESETS["demo"]):
        for it in pod["spec"]["containers"]:
            listened.setdefault(component(pod), set()).update(port["containerPort"] for port in it.get("ports", ()))
    assert {it for it in drawn() if it.to not in ELSEWHERE and it.port not in listened[it.to]} == set()


def outwards(*options: str) -> set[tuple[str, str, int]]:
    """Return what is let out of the cluster: the component, the network, the port."""
    return {
        (name, peer["ipBlock"]["cidr"], port["port"])
        for name, spec in policies(*options).items()
        for rule in spec["egress"]
        for peer in rule["to"]
        for port in rule["ports"]
        if "ipBlock" in peer
    }


def test_outside_services_are_reached_where_values_say() -> None:
    """Brokers, store, Redis and database of others: their networks and ports, and no more."""
    inside, anywhere = "10.0.0.0/8", "0.0.0.0/0"
    assert outwards(*PRESETS["production"]) == {
        *((name, inside, 9093) for name in ("trainer", "api", "feed", "topics", "kafka-exporter")),
        *((name, anywhere, 443) for name in ("trainer", "api", "feed", "mlflow")),
        *((name, inside, 6379) for name in ("trainer", "api", "feed")),
        ("mlflow", inside, 5432),
    }


def test_what_watches_reaches_kubernetes_and_receivers_only_where_values_say() -> None:
    """The API server and the kubelets, where figures of pods are wanted; receivers, where some are told; nothing else."""
    narrow = "watching.kubernetes.apiServer.cidr=10.43.0.1/32,watching.kubernetes.kubelet.cidr=10.0.0.0/24"
    assert outwards(*PRESETS["demo"], "--set", narrow) == {
        *((name, "10.43.0.1/32", port) for name in ("prometheus", "kube-state-metrics") for port in (443, 6443)),
        ("prometheus", "10.0.0.0/24", 10250),
    }
    receivers = {("alertmanager", "203.0.113.0/24", port) for port in (443, 587)}
    assert outwards(*SHAPES["watched by its own"]) == receivers


def told(pod: Any) -> dict[str, str]:
    """Return the plain values of a pod's variables and flags."""
    containers = pod["spec"]["containers"]
    flags = [it.partition("=") for each in containers for it in each.get("args", ()) if it.startswith("--kafka.")]
    variables = {it["name"]: it.get("value", "") for each in containers for it in each.get("env", ())}
    return variables | {name: value for name, _, value in flags}


WHERE = {
    "MILLRACE_KAFKA": "kafka",
    "--kafka.server": "kafka",
    "MILLRACE_S3_ENDPOINT": "s3",
    "MILLRACE_REDIS": "redis",
    "MILLRACE_MLFLOW": "mlflow",
    "MILLRACE_API": "api",
    "MILLRACE_MEASURED": "trainer",
    "MLFLOW_S3_ENDPOINT_URL": "s3",
    "MLFLOW_BACKEND_STORE_URI": "postgres",
    "ENDPOINT": "s3",
}


def configured(*options: str) -> set[tuple[str, str]]:
    """Return who is told of whom in files that Prometheus and Grafana read."""
    names = set(policies(*options))
    texts = {component(it): " ".join(it["data"].values()) for it in objects(*options, kind="ConfigMap")}
    named = re.compile(rf"\bm-millrace-(?:all-)?({'|'.join(sorted(names, key=len, reverse=True))})[.:]")
    return {(who, to) for who in ("prometheus", "grafana") for to in named.findall(texts.get(who, ""))}


@pytest.mark.parametrize("preset", ["default", "demo"])
def test_who_is_told_an_address_may_go_there(preset: str) -> None:
    """The addresses in the pods' settings are the arrows: none is told that is shut, none is open that is not told."""
    opened = {
        (component(pod), target)
        for _, pod in pods(*PRESETS[preset])
        for name, target in WHERE.items()
        if name in told(pod)
    }
    assert opened | configured(*PRESETS[preset]) == {
        (it.opener, it.to) for it in allowed(*PRESETS[preset]) if it.opener not in OUTSIDE
    } - {("kafka", "kafka")}

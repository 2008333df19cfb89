"""What the namespaces refuse: a test that admits everything would show nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chart.rendering import SHAPES, Object, objects
from tests.cluster.asking import Asked

SAFE: Object = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "asked"},
    "spec": {
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [
            {
                "name": "it",
                "image": "none",
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            }
        ],
    },
}


def with_(**changes: Any) -> Object:
    """Return the safe pod with some of its spec changed."""
    return {**SAFE, "spec": {**SAFE["spec"], **changes}}


def test_a_safe_pod_is_admitted(cluster: Asked) -> None:
    """What the others are compared with."""
    assert cluster.apply(SAFE, "millrace", dry=True).status_code == 201


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hostNetwork": True}, "host namespaces"),
        ({"volumes": [{"name": "host", "hostPath": {"path": "/"}}]}, "restricted volume types"),
        ({"securityContext": {"runAsNonRoot": True}}, "seccompProfile"),
        ({"securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}}, "runAsNonRoot"),
        ({"containers": [{"name": "it", "image": "none"}]}, "allowPrivilegeEscalation"),
    ],
)
def test_a_pod_that_is_not_restricted_is_refused(cluster: Asked, change: dict[str, Any], said: str) -> None:
    """By the API server, with the reason."""
    done = cluster.apply(with_(**change), "millrace", dry=True)
    assert done.status_code == 403
    assert 'violates PodSecurity "restricted' in done.json()["message"]
    assert said in done.json()["message"]


def test_a_deployment_whose_pods_would_be_refused_is_warned_of(cluster: Asked) -> None:
    """So "no warning" means, for a workload, that its pods are restricted."""
    labels = {"app": "asked"}
    spec = {
        "selector": {"matchLabels": labels},
        "template": {**with_(hostNetwork=True), "metadata": {"labels": labels}},
    }
    it = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "asked"}, "spec": spec}
    for part in ("apiVersion", "kind"):
        del spec["template"][part]
    done = cluster.apply(it, "millrace", dry=True)
    assert done.status_code == 201
    assert any("would violate PodSecurity" in warning for warning in done.headers.get_list("warning"))


def test_an_older_strimzi_takes_the_same(cluster: Asked, kinds: None) -> None:
    """The chart writes v1; where only v1beta2 is known it writes that, with the same fields."""
    written = [it for it in objects(*SHAPES["strimzi"]) if it["kind"].startswith("Kafka")]
    assert [it["apiVersion"] for it in written] == ["kafka.strimzi.io/v1"] * 2
    for it in written:
        done = cluster.apply(it | {"apiVersion": "kafka.strimzi.io/v1beta2"}, "millrace", dry=True)
        assert done.is_success, done.text


@pytest.mark.parametrize("shape", SHAPES)
def test_every_object_of_every_shape_is_taken_without_a_warning(cluster: Asked, kinds: None, shape: str) -> None:
    """Kinds of operators, too. No field unknown, none doubled, none out of use; no workload whose pods are not restricted."""
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "m-millrace-ask"}}
    cluster.create(account, namespace="millrace")  # a pod must have one that is there
    for it in objects(*SHAPES[shape]):
        done = cluster.apply(it, "millrace", dry=True)
        assert (done.is_success, done.headers.get_list("warning")) == (True, []), (it, done.text)

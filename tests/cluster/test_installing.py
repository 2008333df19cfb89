"""`helm install` on a real API server that enforces Pod Security: what it takes, and what controllers make of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chart.rendering import SHAPES
from tests.cluster.asking import Asked, eventually, lost
from tests.cluster.control_plane import ControlPlane
from tests.cluster.releases import Release


@pytest.fixture(scope="module", params=SHAPES)
def installed(plane: ControlPlane, cluster: Asked, kinds: None, request: pytest.FixtureRequest) -> Iterator[Release]:
    """The chart in each of its shapes, installed by somebody who is admin of one namespace and no more."""
    it = Release(plane, cluster, str(request.param))
    it.prepare()
    it.install(*SHAPES[request.param])
    yield it
    it.remove()


def test_the_namespace_enforces_restricted(cluster: Asked) -> None:
    """k8s/namespaces.yaml is what a cluster needs first."""
    namespace = {it["metadata"]["name"]: it for it in cluster.all("Namespace", "")}["millrace"]
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_every_pod_is_admitted(installed: Release) -> None:
    """No controller fails to make one, and there are as many as the chart says; without a node they wait."""
    installed.admitted()
    assert installed.refused() == []
    assert {it["status"]["phase"] for it in installed.live("Pod").values()} == {"Pending"}
    assert sum(installed.pods().values()) >= 3


def test_nothing_that_is_written_is_dropped_or_changed(installed: Release) -> None:
    """helm leaves out without a word what an operator's kind does not know; here it would be missing."""
    written = installed.written()
    for it in written:
        live = installed.cluster.one(it, installed.namespace)
        assert list(lost({name: part for name, part in it.items() if name != "metadata"}, live)) == [], it["metadata"]
    assert len(written) >= 20


def test_no_account_of_a_part_may_do_anything(installed: Release) -> None:
    """Even if somebody gave a pod its token: the server says no."""
    accounts = installed.live("ServiceAccount")
    assert len(accounts) >= 5
    for name in accounts:
        user = f"system:serviceaccount:{installed.namespace}:{name}"
        asked = {"namespace": installed.namespace, "resource": "secrets", "verb": "get"}
        assert not installed.cluster.allows(user, asked), name


def test_who_counts_pods_may_do_that_and_no_more(installed: Release) -> None:
    """Prometheus may ask kubelets for metrics and not run commands by them; kube-state-metrics sees this namespace's pods."""
    watched = {"millrace-kube-state-metrics"} <= set(installed.live("ServiceAccount"))
    user = f"system:serviceaccount:{installed.namespace}:millrace"

    def may(part: str, resource: str, verb: str, namespace: str = "") -> bool:
        name, _, sub = resource.partition("/")
        asked = {"resource": name, "subresource": sub, "verb": verb, "namespace": namespace}
        return installed.cluster.allows(f"{user}-{part}", asked)

    assert may("prometheus", "nodes", "list") == may("prometheus", "nodes/metrics", "get") == watched
    assert may("kube-state-metrics", "pods", "list", installed.namespace) == watched
    assert not may("prometheus", "nodes/proxy", "get")
    assert not may("prometheus", "pods", "list", installed.namespace)
    assert not may("kube-state-metrics", "pods", "list", "default")


def test_the_pod_that_asks_is_admitted(installed: Release) -> None:
    """`helm test` waits for its end, which never comes without a node."""
    installed.helm("test", "millrace", "--timeout", "2s")
    eventually(lambda: installed.pods()["ask"] == 1, installed.pods)

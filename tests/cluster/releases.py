"""A release of the chart in a namespace of its own, handled by helm as a user who may do no more than that namespace's admin."""

from __future__ import annotations

import os
import re
import subprocess
from collections import Counter
from pathlib import Path

import yaml

from tests.chart.rendering import CHART, ROOT, Object, tool
from tests.cluster.asking import Asked, eventually
from tests.cluster.control_plane import ControlPlane

DEPLOYER = "deployer"
WORKLOADS = ("Deployment", "StatefulSet", "Job")


def namespaces() -> list[Object]:
    """Return what k8s/namespaces.yaml has."""
    return list(yaml.safe_load_all((ROOT / "k8s" / "namespaces.yaml").read_text()))


class Release:
    """What helm does with one release, and what the cluster then has."""

    def __init__(self, plane: ControlPlane, cluster: Asked, namespace: str) -> None:
        self.cluster = cluster
        self.namespace = re.sub(r"[^a-z0-9]+", "-", namespace.lower())[-60:].strip("-")
        self._told = plane.kubeconfig(DEPLOYER)
        self._folder = plane.folder

    def prepare(self) -> None:
        """Make its namespace, with the labels of `millrace` in k8s/namespaces.yaml, and let the deployer be its admin."""
        labels = namespaces()[0]["metadata"]["labels"]
        meta = {"name": self.namespace, "labels": labels}
        self.cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
        self.cluster.create(binding(DEPLOYER, "admin"), namespace=self.namespace)
        self.cluster.create(*watchers_rights())
        for kind in ("ServiceAccount", "ConfigMap"):  # each namespace gets one of its own
            eventually(lambda kind=kind: self.cluster.all(kind, self.namespace) != [], lambda kind=kind: kind)

    def remove(self) -> None:
        """Uninstall, so that its pods weigh on nobody else's test."""
        done = self.helm("uninstall", "millrace", "--ignore-not-found")
        assert done.returncode == 0, done.stderr

    def helm(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run helm in the namespace."""
        own = {f"HELM_{it}_HOME": str(self._folder / "helm") for it in ("CACHE", "CONFIG", "DATA")}
        reach = ("--kubeconfig", str(self._told), "--namespace", self.namespace)
        return subprocess.run(
            [tool("helm"), *words, *reach],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            env=os.environ | own,
        )

    def install(self, *options: str, chart: Path = CHART) -> None:
        """Install or upgrade, and be told of nothing: no error, no warning."""
        done = self.helm("upgrade", "--install", "millrace", str(chart), *options)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr

    def written(self) -> list[Object]:
        """Return the objects of the revision in force, as helm has written them."""
        return [it for it in yaml.safe_load_all(self.helm("get", "manifest", "millrace").stdout) if it]

    def live(self, kind: str, version: str = "v1") -> dict[str, Object]:
        """Return objects of a kind that the release has, by name."""
        found = self.cluster.all(kind, self.namespace, version)
        ours = [it for it in found if it["metadata"].get("labels", {}).get("app.kubernetes.io/instance") == "millrace"]
        return {it["metadata"]["name"]: it for it in ours}

    def pods_said(self) -> Counter[str]:
        """Return how many pods of each component the chart says there are: an autoscaler's least, else what is written."""
        its = self.written()
        least = {
            it["spec"]["scaleTargetRef"]["name"]: it["spec"]["minReplicas"]
            for it in its
            if it["kind"] == "HorizontalPodAutoscaler"
        }
        said: Counter[str] = Counter()
        for it in its:
            if it["kind"] in WORKLOADS:
                copies = least.get(it["metadata"]["name"], it["spec"].get("replicas", 1))
                said[it["metadata"]["labels"]["app.kubernetes.io/component"]] += copies
        return said

    def pods(self) -> Counter[str]:
        """Return how many pods of each component there are."""
        return Counter(it["metadata"]["labels"]["app.kubernetes.io/component"] for it in self.live("Pod").values())

    def admitted(self) -> None:
        """Wait until every pod is there that the chart says, and no other but one that `helm test` has left."""
        said = self.pods_said()
        eventually(lambda: self._running() == said, lambda: (self.pods(), said, self.refused()))

    def _running(self) -> Counter[str]:
        return Counter({part: copies for part, copies in self.pods().items() if part != "ask"})

    def refused(self) -> list[str]:
        """Return what controllers say of pods that they could not make."""
        return self.cluster.events(self.namespace, "FailedCreate")

    def secrets(self) -> dict[str, tuple[str, Object]]:
        """Return the data of the release's generated Secrets, with the id that each got when it was made."""
        kept = {name: it for name, it in self.live("Secret").items() if "annotations" in it["metadata"]}
        kept = {name: it for name, it in kept.items() if "helm.sh/resource-policy" in it["metadata"]["annotations"]}
        return {name: (it["metadata"]["uid"], it["data"]) for name, it in kept.items()}

    def templates(self) -> dict[str, Object]:
        """Return the pod templates of what runs on, by name: of Deployments and StatefulSets."""
        found = self.live("Deployment", "apps/v1") | self.live("StatefulSet", "apps/v1")
        return {name.removeprefix("millrace-"): it["spec"]["template"] for name, it in found.items()}


def binding(user: str, role: str) -> Object:
    """Return what gives a user a role in one namespace."""
    group = "rbac.authorization.k8s.io"
    return {
        "apiVersion": f"{group}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": user},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
    }


def admins_make(groups: set[str]) -> Object:
    """Return what lets admins of a namespace make an operator's objects, as the operators' own charts do."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "operators", "labels": {"rbac.authorization.k8s.io/aggregate-to-admin": "true"}},
        "rules": [{"apiGroups": sorted(groups), "resources": ["*"], "verbs": ["*"]}],
    }


def watchers_rights() -> list[Object]:
    """Return what lets the deployer give Prometheus its right on nodes: beyond a namespace's admin, and only for that."""
    group = "rbac.authorization.k8s.io"
    rules = [
        {"apiGroups": [group], "resources": ["clusterroles", "clusterrolebindings"], "verbs": ["*"]},
        {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": [""], "resources": ["nodes/metrics"], "verbs": ["get"]},
    ]
    role = {"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": {"name": "watchers"}, "rules": rules}
    bound = binding(DEPLOYER, "watchers")
    return [role, bound | {"kind": "ClusterRoleBinding", "metadata": {"name": "watchers"}}]

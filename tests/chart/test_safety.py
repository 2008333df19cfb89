"""Safe by default: Pod Security "restricted", secrets, accounts, budgets, probes."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import yaml

from millrace.runtime.signing import PublicKeys, Signer
from millrace.runtime.worker import STOP_WITHIN
from tests.chart.rendering import PRESETS, SHAPES, Object, component, objects, one, pods, template

RESTRICTED_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}


def violations(pod: Object) -> list[str]:
    """Return what Kubernetes' Pod Security Standards, level "restricted", version 1.34, hold against a pod's spec."""
    spec, found = pod["spec"], list[str]()
    whole = spec.get("securityContext", {})
    found += [it for it in ("hostNetwork", "hostPID", "hostIPC") if spec.get(it)]
    found += [f"volume {it['name']}" for it in spec.get("volumes", ()) if not RESTRICTED_VOLUMES & set(it)]
    found += ["sysctls"] * bool(whole.get("sysctls"))
    for each in (*spec["containers"], *spec.get("initContainers", ()), *spec.get("ephemeralContainers", ())):
        found += [f"{each['name']}: {it}" for it in _container_violations(each, whole)]
    return found


def _container_violations(it: Object, whole: Object) -> list[str]:
    own = it.get("securityContext", {})
    both = {**whole, **own}
    rules = {
        "privileged": own.get("privileged"),
        "allowPrivilegeEscalation": own.get("allowPrivilegeEscalation") is not False,
        "runAsNonRoot": both.get("runAsNonRoot") is not True,
        "runAsUser 0": both.get("runAsUser") == 0,
        "seccompProfile": both.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"),
        "capabilities not dropped": own.get("capabilities", {}).get("drop") != ["ALL"],
        "capabilities added": set(own.get("capabilities", {}).get("add", ())) - {"NET_BIND_SERVICE"},
        "procMount": own.get("procMount", "Default") != "Default",
        "hostPort": any(port.get("hostPort") for port in it.get("ports", ())),
        "lifecycle or probe to another host": '"host"' in str(it.get("lifecycle", "")),
    }
    return [name for name, broken in rules.items() if broken]


@pytest.mark.parametrize("shape", SHAPES)
def test_every_pod_is_restricted(shape: str) -> None:
    """A namespace that enforces the level admits each of them, those of jobs and tests too."""
    found = {name: violations(pod) for name, pod in pods(*SHAPES[shape])}
    assert len(found) >= 5
    assert {name: its for name, its in found.items() if its} == {}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hostNetwork": True}, "hostNetwork"),
        ({"securityContext": {"runAsNonRoot": True}}, "api: seccompProfile"),
        ({"volumes": [{"name": "host", "hostPath": {"path": "/"}}]}, "volume host"),
    ],
)
def test_a_pod_that_is_not_would_be_found(change: dict[str, Any], said: str) -> None:
    """The check above sees what it is for."""
    pod = one("Deployment", "-api")["spec"]["template"]
    assert said in violations({"spec": {**pod["spec"], **change}})


@pytest.mark.parametrize("shape", SHAPES)
def test_containers_write_to_named_folders_only_and_have_bounds(shape: str) -> None:
    """The root file system is read-only; memory is asked for and limited; every emptyDir has a size."""
    for name, pod in pods(*SHAPES[shape]):
        for it in pod["spec"]["containers"]:
            assert it["securityContext"]["readOnlyRootFilesystem"] is True, name
            assert {"cpu", "memory"} <= set(it["resources"]["requests"]), name
            assert "memory" in it["resources"]["limits"], name
        for volume in pod["spec"].get("volumes", ()):
            assert volume.get("emptyDir", {"sizeLimit": 1}).get("sizeLimit"), (name, volume)


ASKING = {"prometheus", "kube-state-metrics"}
"""Who has a token of Kubernetes, where the figures of pods are wanted."""


@pytest.mark.parametrize("shape", SHAPES)
def test_no_pod_holds_a_token_of_kubernetes_but_those_that_count_pods(shape: str) -> None:
    """Each component has an account of its own, and mounts no token by itself; two pods are given one, for an hour."""
    accounts = {it["metadata"]["name"]: it for it in objects(*SHAPES[shape], kind="ServiceAccount")}
    assert all(it["automountServiceAccountToken"] is False for it in accounts.values())
    for name, pod in pods(*SHAPES[shape]):
        assert pod["spec"]["automountServiceAccountToken"] is False, name
        assert pod["spec"]["enableServiceLinks"] is False, name
        assert pod["spec"]["serviceAccountName"] in accounts, name
    holders = {
        component(pod)
        for _, pod in pods(*SHAPES[shape])
        for volume in pod["spec"].get("volumes", ())
        if "serviceAccountToken" in str(volume)
    }
    assert holders == (ASKING if objects(*SHAPES[shape], kind="ClusterRole") else set())


def test_what_those_two_may_do_is_to_look() -> None:
    """At nodes and their metrics, and at the pods of this namespace; nodes/proxy would let its holder run commands in pods."""
    (wide,) = objects(*PRESETS["demo"], kind="ClusterRole")
    (here,) = objects(*PRESETS["demo"], kind="Role")
    rights = {name: set(rule["verbs"]) for rule in wide["rules"] for name in rule["resources"]}
    assert rights == {"nodes": {"get", "list", "watch"}, "nodes/metrics": {"get"}}
    assert [(rule["resources"], rule["verbs"]) for rule in here["rules"]] == [(["pods"], ["list", "watch"])]
    bound = {
        (it["roleRef"]["name"], subject["name"])
        for kind in ("ClusterRoleBinding", "RoleBinding")
        for it in objects(*PRESETS["demo"], kind=kind)
        for subject in it["subjects"]
    }
    assert bound == {
        (wide["metadata"]["name"], "m-millrace-prometheus"),
        (here["metadata"]["name"], "m-millrace-kube-state-metrics"),
    }


@pytest.mark.parametrize("shape", ["default", "production", "watched", "watched by its own"])
def test_no_right_in_kubernetes_is_given_unasked(shape: str) -> None:
    """Only mode bundled with figures of pods needs some."""
    kinds = ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")
    assert [it for kind in kinds for it in objects(*SHAPES[shape], kind=kind)] == []


def test_only_the_trainer_sees_the_private_key() -> None:
    """Who verifies has the public half."""
    holders = {
        component(pod)
        for _, pod in pods(*PRESETS["demo"])
        for volume in pod["spec"].get("volumes", ())
        if any(it["key"] == "trainer.key" for it in volume.get("secret", {}).get("items", ()))
    }
    assert holders == {"trainer"}


def test_each_part_has_the_stores_credentials_it_needs() -> None:
    """The API reads; MLflow has its own; the root's are known to the store and to the job that makes users."""
    used: dict[str, set[str]] = {}
    for _, pod in pods(*PRESETS["demo"]):
        for it in pod["spec"]["containers"]:
            for env in it.get("env", ()):
                secret = env.get("valueFrom", {}).get("secretKeyRef", {}).get("name", "")
                used.setdefault(component(pod), set()).update({secret.removeprefix("m-millrace-")} - {""})
    assert {name: {it for it in its if it.startswith("s3")} for name, its in used.items() if its} == {
        "trainer": {"s3-trainer"},
        "producer": {"s3-reader"},
        "api": {"s3-reader"},
        "feed": {"s3-reader"},
        "mlflow": {"s3-mlflow"},
        "s3": {"s3"},
        "buckets": {"s3", "s3-trainer", "s3-reader", "s3-mlflow"},
        "redis": set(),
        "grafana": set(),
        "kafka": set(),
        "postgres": set(),
    }


def test_generated_secrets_are_made_once_and_stay() -> None:
    """Each asks the cluster first what is there, and outlives an uninstall as its volumes do."""
    made = [it for it in objects(*PRESETS["demo"], kind="Secret") if component(it) == "secrets"]
    assert len(made) == 9
    for it in made:
        assert it["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
        assert all(base64.b64decode(value) for value in it["data"].values())
    again = [it for it in yaml.safe_load_all(template().stdout) if it and it["kind"] == "Secret"]
    assert again != objects(kind="Secret"), "nothing was there, so each rendering made its own"


def test_no_secret_is_made_where_one_is_given() -> None:
    """Production names them all."""
    assert objects(*PRESETS["production"], kind="Secret") == []


def test_the_key_pair_is_one_that_parts_take(tmp_path: Any) -> None:
    """What the private half signs, the public half verifies, as the parts read both."""
    pair = one("Secret", "-signing")["data"]
    for name, value in pair.items():
        (tmp_path / name).write_bytes(base64.b64decode(value))
    signature = Signer.load_or_create(tmp_path / "trainer.key").sign(b"a state")
    PublicKeys.load([tmp_path / "trainer.pub"]).verify(b"a state", signature)


def test_a_cluster_id_is_one_that_kafka_takes() -> None:
    """22 characters of 16 bytes, and none that looks like an option."""
    for _ in range(3):
        (made,) = [
            it["data"]["cluster-id"]
            for it in yaml.safe_load_all(template("--show-only", "templates/secrets.yaml").stdout)
            if it["metadata"]["name"].endswith("-kafka")
        ]
        text = base64.b64decode(made).decode()
        assert len(base64.urlsafe_b64decode(text + "==")) == 16
        assert not text.startswith("-")


@pytest.mark.parametrize("shape", SHAPES)
def test_a_drain_never_hangs(shape: str) -> None:
    """One pod of a kind at a time; a part that runs once may go, and one that is ill is no reason to wait."""
    for it in objects(*SHAPES[shape], kind="PodDisruptionBudget"):
        assert it["spec"]["maxUnavailable"] == 1
        assert it["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_an_update_of_the_api_refuses_no_request() -> None:
    """A new replica is ready before an old one goes, and the old one answers until nobody sends to it any more."""
    spec = one("Deployment", "-api")["spec"]
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    drain = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert drain >= 2 * container["readinessProbe"]["periodSeconds"]
    assert pod["terminationGracePeriodSeconds"] > drain + STOP_WITHIN


def test_a_trainer_has_one_owner_and_time_to_stop() -> None:
    """The old one ends, with a checkpoint, before the new one begins; a lost node's is moved within a minute."""
    spec = one("Deployment", "-trainer-default")["spec"]
    pod = spec["template"]["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert pod["terminationGracePeriodSeconds"] > STOP_WITHIN
    assert {it["tolerationSeconds"] for it in pod["tolerations"]} == {30}


@pytest.mark.parametrize("part", ["trainer-default", "producer-default", "api", "feed"])
def test_probes_mean_what_the_parts_say(part: str) -> None:
    """`/livez` decides on restarts, `/readyz` on traffic; what is not ready is never restarted for it."""
    (it,) = one("Deployment", f"-{part}", *PRESETS["demo"])["spec"]["template"]["spec"]["containers"]
    asked = {name: it[name]["httpGet"]["path"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert asked == {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"}

"""A release's life on a real API server: upgrade, rollback, uninstall, and the way back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from tests.chart.rendering import CHART, PRESETS, Object
from tests.cluster.releases import Release

DEMO = PRESETS["demo"]


def changed(before: dict[str, Object], after: dict[str, Object]) -> set[str]:
    """Return which parts have another pod template, and so roll."""
    return {name for name in before | after if before.get(name) != after.get(name)}


def jobs(release: Release) -> set[str]:
    """Return the names of the jobs that are there."""
    return set(release.live("Job", "batch/v1"))


def test_an_upgrade_without_a_change_rolls_nothing_and_prepares_again(release: Release) -> None:
    """Jobs cannot be changed: each revision has its own."""
    release.install(*DEMO)
    before, secrets = release.templates(), release.secrets()
    release.install(*DEMO)
    assert changed(before, release.templates()) == set()
    assert release.secrets() == secrets
    assert len(secrets) >= 8
    assert jobs(release) == {"millrace-topics-2", "millrace-buckets-2"}
    release.admitted()


@pytest.mark.parametrize(
    ("change", "rolls"),
    [
        ("api.maxInFlight=32", {"api"}),
        ("api.autoscaling.maxReplicas=3", set()),
        ("trainer.checkpointInterval=60", {"trainer-default"}),
        ("kafka.retentionHours=24", {"kafka"}),
        ("redis.maxMemory=64mb", {"redis"}),
        ("networkPolicy.monitoringNamespaces[0]=watch", set()),
        ("ingress.host=millrace.example.com", set()),
        ("mlflow.expose=true", {"mlflow"}),
        ("useCases[0].speed=60", {"producer-default"}),
        ("useCases[0].resources.limits.memory=2Gi", {"trainer-default"}),
    ],
)
def test_a_change_rolls_what_is_told_of_it_and_nothing_else(release: Release, change: str, rolls: set[str]) -> None:
    """And no Secret is written anew."""
    release.install(*DEMO)
    before, secrets = release.templates(), release.secrets()
    release.install(*DEMO, "--set", change)
    assert changed(before, release.templates()) == rolls
    assert release.secrets() == secrets
    assert release.refused() == []


def test_a_new_release_of_ours_leaves_the_stores_alone(release: Release, tmp_path: Path) -> None:
    """Kafka, PostgreSQL, Valkey and the object store have images of their own: another chart is no reason to stop them."""
    release.install(*DEMO)
    before = release.templates()
    newer = shutil.copytree(CHART, tmp_path / "millrace")
    said = yaml.safe_load((newer / "Chart.yaml").read_text()) | {"version": "0.2.0", "appVersion": "0.2.0"}
    (newer / "Chart.yaml").write_text(yaml.safe_dump(said))
    release.install(*DEMO, chart=newer)
    rolled = changed(before, release.templates())
    assert rolled == {"trainer-default", "producer-default", "api", "feed", "dashboard", "mlflow"}


def test_an_upgrade_takes_no_replica_from_the_autoscaler(release: Release) -> None:
    """How many there are is its matter, also when the number is not written."""
    told = ["--set", "api.autoscaling.minReplicas=4"]
    release.install(*told)
    release.admitted()
    assert release.pods()["api"] == 4
    release.install(*told, "--set", "api.maxInFlight=32")
    assert release.live("Deployment", "apps/v1")["millrace-api"]["spec"]["replicas"] == 4


def test_the_longest_names_that_are_let_through_are_taken(release: Release) -> None:
    """Services, labels and hosts have at most 63 characters, and Kubernetes warns of parts whose pods' names would be cut."""
    release.install("--set", f"fullnameOverride={'a' * 14},useCases[0].source=producer,useCases[0].name={'b' * 39}")
    release.admitted()
    assert f"{'a' * 14}-producer-{'b' * 39}" in release.live("Deployment", "apps/v1")
    release.install("--set", f"fullnameOverride={'a' * 40},useCases[0].name={'b' * 14}")
    release.admitted()
    assert release.refused() == []


def test_a_use_case_that_changes_starts_anew_who_reads_it(release: Release, tmp_path: Path) -> None:
    """Its trainer, the API and the feed; the pages ask the API."""
    told = ["--set", "useCases[0].name=parcel-delay,useCases[0].source=topics", "--set-file"]
    file = tmp_path / "parcel_delay.py"
    file.write_text("first = 1\n")
    release.install(*told, f"useCases[0].file={file}")
    before = release.templates()
    file.write_text("second = 2\n")
    release.install(*told, f"useCases[0].file={file}")
    assert changed(before, release.templates()) == {"trainer-parcel-delay", "api", "feed"}
    (case,) = [it for name, it in release.live("ConfigMap").items() if name.endswith("case-parcel-delay")]
    assert case["data"] == {"parcel_delay.py": "second = 2\n"}


def test_a_key_that_is_trusted_anew_reaches_who_verifies(release: Release) -> None:
    """Keys are read at a start, so parts must start."""
    release.install(*DEMO, "--set-string", "signing.alsoTrusted[0]=-----BEGIN PUBLIC KEY-----one")
    before = release.templates()
    release.install(*DEMO, "--set-string", "signing.alsoTrusted[0]=-----BEGIN PUBLIC KEY-----another")
    assert changed(before, release.templates()) == {"trainer-default", "api"}


def test_a_rollback_restores_what_was(release: Release) -> None:
    """Pod templates and Secrets, byte for byte; the jobs of that revision run again."""
    release.install(*DEMO)
    before, secrets = release.templates(), release.secrets()
    release.install(*DEMO, "--set", "api.maxInFlight=32,trainer.checkpointInterval=60,feed.enabled=false")
    assert changed(before, release.templates()) == {"api", "trainer-default", "feed", "prometheus"}
    done = release.helm("rollback", "millrace", "1")
    assert (done.returncode, done.stderr) == (0, "")
    assert (release.templates(), release.secrets()) == (before, secrets)
    assert jobs(release) == {"millrace-topics-1", "millrace-buckets-1"}
    release.install(*DEMO)
    assert jobs(release) == {"millrace-topics-4", "millrace-buckets-4"}
    assert release.secrets() == secrets


def test_a_secret_taken_away_is_made_anew_and_a_rollback_writes_the_old_one(release: Release) -> None:
    """How a password is renewed; and why who renews one keeps a copy before a rollback."""
    release.install(*DEMO)
    first = {name: data for name, (_, data) in release.secrets().items()}
    release.cluster.delete("Secret", release.namespace, "millrace-redis")
    release.install(*DEMO)
    second = {name: data for name, (_, data) in release.secrets().items()}
    assert {name for name in first if first[name] != second[name]} == {"millrace-redis"}
    assert release.helm("rollback", "millrace", "1").returncode == 0
    assert {name: data for name, (_, data) in release.secrets().items()} == first


def test_an_uninstall_leaves_secrets_and_volumes_and_a_second_install_takes_them_up(release: Release) -> None:
    """What is worth nothing without the other stays together; all else is gone."""
    there = release.cluster.names(release.namespace)
    release.install(*DEMO)
    release.admitted()
    release.helm("test", "millrace", "--timeout", "1s")
    secrets, claims = release.secrets(), set(release.live("PersistentVolumeClaim"))
    assert release.helm("uninstall", "millrace", "--cascade", "foreground", "--wait").returncode == 0
    left = release.cluster.names(release.namespace) - there
    kept = {("Secret", it) for it in secrets} | {("PersistentVolumeClaim", it) for it in claims}
    assert left == kept | {("Pod", "millrace-ask")}, "what `helm test` has run is kept by helm, for its log"
    assert len(claims) >= 3
    release.install(*DEMO)
    release.admitted()
    assert release.secrets() == secrets
    assert set(release.live("PersistentVolumeClaim")) == claims


STORES = "kafka.storage.size=4Gi,s3.storage.size=4Gi,postgres.storage.size=1Gi"


def test_from_the_demo_to_services_of_others_and_back_takes_the_same_secrets_up(release: Release, kinds: None) -> None:
    """What was generated stays while it is not used; volumes, too."""
    release.install(*DEMO)
    release.admitted()
    secrets, claims = release.secrets(), set(release.live("PersistentVolumeClaim"))
    release.install(*PRESETS["production"])
    assert not {"kafka", "s3", "redis", "postgres"} & set(release.templates())
    assert release.secrets() == secrets
    release.install("--set", STORES)
    assert {"kafka", "s3", "redis", "postgres"} <= set(release.templates())
    assert release.secrets() == secrets
    assert set(release.live("PersistentVolumeClaim")) == claims
    assert len(claims) >= 3
    assert release.refused() == []


def test_the_same_size_in_other_words_is_no_change(release: Release) -> None:
    """Kubernetes keeps quantities in a form of its own."""
    words = ["--set", "kafka.storage.size=4096Mi,s3.storage.size=20Gi,postgres.storage.size=1048576Ki"]
    release.install(*words)
    release.install(*words)
    release.install("--set", "kafka.storage.size=4Gi,s3.storage.size=20480Mi,postgres.storage.size=1Gi")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("kafka.storage.size=5Gi", 'kafka.storage: 5Gi of class "" is asked for, but 4Gi of class "" is there'),
        (
            "postgres.storage.storageClass=fast",
            'postgres.storage: 1Gi of class "fast" is asked for, but 1Gi of class ""',
        ),
    ],
)
def test_another_volume_is_refused_before_anything_is_changed(release: Release, change: str, said: str) -> None:
    """A StatefulSet's claims are for ever: Kubernetes would refuse it when half of the upgrade is done."""
    release.install(*DEMO)
    before, ran = release.templates(), jobs(release)
    done = release.helm("upgrade", "millrace", str(CHART), *DEMO, "--set", f"api.maxInFlight=32,{change}")
    assert done.returncode == 1
    assert said in done.stderr
    assert (release.templates(), jobs(release)) == (before, ran)

"""What one `helm install` brings, on a real kubelet: pods run, policies hold, nothing is lost. A release's life, in order."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from observability.foreign import CADVISOR, KUBELET, MINIO, MLFLOW, REDIS, STATE
from tests.chart.rendering import ROOT
from tests.chart.test_connections import Arrow, allowed
from tests.cluster.asking import eventually
from tests.e2e.asking import QUERIES, Prometheus
from tests.e2e.test_the_platform_in_a_browser import CHROMIUM, FLAGS, playwright
from tests.node.running import Running

TRAINER, API = "deployment/millrace-trainer-default", "deployment/millrace-api"
USE_CASE = "flight-delay"
pytestmark = pytest.mark.timeout(1800)
HERE = (CADVISOR, KUBELET, MINIO, MLFLOW, REDIS, STATE)
"""Whose figures there are."""
GUIDE = ROOT / "docs" / "deploy.md"
FILLED = 240.0
"""Seconds within which every query must have data: rates need a minute, one core many."""


def test_one_install_brings_every_part_and_an_answer(release: Running) -> None:
    """Every pod is ready, none had to start again, and the chart's own test is told which state answered."""
    its = release.pods()
    again = {it["metadata"]["name"]: [each["restartCount"] for each in it["status"]["containerStatuses"]] for it in its}
    assert {name: counts for name, counts in again.items() if any(counts)} == {}
    assert f" by state {USE_CASE}.0.1." in release.ask()


def test_what_is_drawn_opens_and_nothing_else(release: Running) -> None:
    """Every pair of pods is tried, at every port: the policies are enforced here, not only written."""
    reached = release.arrows()
    here = {_component(it) for it in release.pods()}
    drawn = {it for it in allowed(*release.options()) if {it.opener, it.to} <= here and it.opener != it.to}
    drawn |= {Arrow("prometheus", it.to, it.port) for it in allowed(*release.options()) if it.opener == "monitoring"}
    assert reached - drawn == set()
    assert {it for it in drawn if it.to in here} - reached == set()


def test_prometheus_finds_every_pod_and_every_panel_has_data(release: Running) -> None:
    """By name, without asking Kubernetes; kubelets and kube-state-metrics with the one token that it has."""
    prometheus = Prometheus(release.pod("prometheus", 9090))
    eventually(lambda: _down(prometheus) == [], lambda: _down(prometheus), FILLED)
    with _asking(f"http://{release.service('millrace-api')}"), _viewing(release.pod("dashboard", 3000)):
        eventually(
            lambda: prometheus.without_data(QUERIES, HERE) == [], lambda: prometheus.without_data(QUERIES, HERE), FILLED
        )


def test_the_owner_is_lost_and_nothing_with_it(release: Running) -> None:
    """Its pod is taken away without a word: another goes on with the chain, which a whole replay confirms."""
    before = _newest(release)
    release.kubectl("delete", "pod", "--selector", "app.kubernetes.io/component=trainer", "--grace-period=0", "--force")
    release.kubectl("rollout", "status", TRAINER, "--timeout=120s")
    eventually(lambda: _newest(release) > before, lambda: before)
    assert _audited(release)["matches"]


def test_an_upgrade_refuses_no_request(release: Running) -> None:
    """An old replica answers until nobody asks it any more, and a new one is asked once it can answer."""
    with _asking(f"http://{release.service('millrace-api')}") as answers:
        release.install(api__maxInFlight="32")
        release.helm("rollback", "millrace", "--wait", "--timeout", "5m")
    assert set(answers) == {200}, answers
    assert answers[200] > 500


def test_what_was_learnt_outlives_an_uninstall(release: Running) -> None:
    """Volumes and Secrets stay; a second install goes on in the same epoch."""
    before = _newest(release)
    release.helm("uninstall", "millrace", "--wait", "--timeout", "5m")
    eventually(lambda: release.pods() == [], lambda: release.kubectl("get", "pods"))
    release.install()
    assert _newest(release) > before
    assert _audited(release)["matches"]


def test_what_was_kept_as_the_guide_says_brings_it_back(release: Running, tmp_path: Path) -> None:
    """Its own lines, as they stand there: then everything is taken away, volumes and Secrets too, and put back."""
    keep, put_back = GUIDE.read_text().partition("## Backup and restore")[2].split("```console\n")[1:3]
    release.settle(tmp_path)
    eventually(lambda: _versions(release) != [], lambda: release.kubectl("logs", TRAINER), FILLED)
    before, versions = _newest(release), _versions(release)
    release.shell(keep.partition("```")[0], tmp_path)
    release.remove()
    release.shell(put_back.partition("```")[0], tmp_path)
    eventually(lambda: _newest(release)[0] == before[0] + 1, lambda: (_newest(release), before))
    assert set(versions) <= set(_versions(release))
    assert _audited(release)["matches"]


def _component(pod: dict[str, dict[str, dict[str, str]]]) -> str:
    return pod["metadata"]["labels"].get("app.kubernetes.io/component", "")


def _down(prometheus: Prometheus) -> list[str]:
    found = prometheus.get("targets")["activeTargets"]
    jobs = {it["labels"]["job"] for it in found}
    wanted = {"kubelet", "cadvisor", "kube-state-metrics", "alertmanager"} - jobs
    return [*wanted, *(f"{it['labels']['job']}: {it['lastError']}" for it in found if it["health"] != "up")]


def _newest(release: Running) -> tuple[int, int]:
    """Return epoch and batch of the state that answers now."""
    example = f"http://{release.service('millrace-api')}/v1/use-cases/{USE_CASE}"
    event = httpx.get(f"{example}/example", trust_env=False).raise_for_status().json()
    answer = httpx.post(f"{example}/predict", json=event, trust_env=False).raise_for_status().json()
    _, _, epoch, batch = answer["state_id"].split("~")[0].rsplit(".", 3)
    return int(epoch), int(batch)


def _versions(release: Running) -> list[int]:
    """Return the numbers of the registered versions."""
    use_case = f"http://{release.service('millrace-api')}/v1/use-cases/{USE_CASE}"
    found = httpx.get(f"{use_case}/models", trust_env=False).raise_for_status().json()
    return [it["version"] for it in found["versions"]]


def _audited(release: Running) -> dict[str, object]:
    """Replay the whole epoch where the learner is; return what came of it."""
    found: dict[str, object] = json.loads(
        release.within(TRAINER, "millrace", "rebuild", USE_CASE, "--audit", "--json", patience=600)
    )
    return found


@contextmanager
def _viewing(pages: str) -> Iterator[None]:
    """Have somebody look at the pages."""
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        browser.new_page().goto(pages)
        yield
        browser.close()


@contextmanager
def _asking(api: str) -> Iterator[Counter[int | str]]:
    """Ask for predictions by three at a time, each on a connection of its own; count how they were answered."""
    event = httpx.get(f"{api}/v1/use-cases/{USE_CASE}/example", trust_env=False).json()
    answers: Counter[int | str] = Counter()
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            try:
                answered = httpx.post(f"{api}/v1/use-cases/{USE_CASE}/predict", json=event, trust_env=False, timeout=10)
                answers[answered.status_code] += 1
            except httpx.HTTPError as error:
                answers[repr(error)] += 1
            time.sleep(0.02)

    askers = [threading.Thread(target=ask) for _ in range(3)]
    for it in askers:
        it.start()
    try:
        yield answers
    finally:
        over.set()
        for it in askers:
            it.join()

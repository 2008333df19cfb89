"""What the chart tells Prometheus and Alertmanager makes them watch: their rendered files and arguments, on a running platform.

Names are looked up as in a cluster; ports and folders are this machine's, and rules need not hold for minutes.
"""

from __future__ import annotations

import json
import re
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from millrace.runtime.telemetry import PARTS
from observability.queries import elsewhere, parts
from tests.adapters.conftest import free_port
from tests.chart.names import NameServer, asking, may_ask
from tests.chart.rendering import missing, objects, one
from tests.chart.test_bundled_prometheus import DNS
from tests.chart.told import DEMO, alertmanager, found, prometheus
from tests.e2e.asking import QUERIES, Prometheus
from tests.platform import BACK, UP, Running, ask

pytestmark = pytest.mark.stack

GONE = "127.0.0.2"
"""A second replica of the API, by its name's addresses: nobody listens there."""
TOLD, FILLED = 60.0, 90.0
"""Seconds within which an alert arrives, and every query has data: rates need a minute."""
PAGES = "https://git.example.com/runbooks"


class Receiver:
    """Somebody who is told of alerts, by a webhook."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        its = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                its.told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()


def values(receiver: Receiver) -> tuple[str, ...]:
    """Return the demo with two receivers: the routes send what is critical to the one who listens."""
    config = {
        "route": {
            "receiver": "nobody",
            "group_by": ["alertname"],
            "group_wait": "1s",
            "routes": [{"matchers": ['severity="critical"'], "receiver": "on-call"}],
        },
        "receivers": [{"name": "nobody"}, {"name": "on-call", "webhook_configs": [{"url": receiver.url}]}],
    }
    given = f"watching.kubernetes.enabled=false,watching.interval=2s,watching.runbooks={PAGES}"
    return (*DEMO, "--set", given, "--set-json", f"watching.alertmanager.config={json.dumps(config)}")


class Watchers:
    """Prometheus and Alertmanager as their containers are told to run, with ports and folders of this machine."""

    def __init__(self, folder: Path, addresses: Mapping[str, str], options: tuple[str, ...]) -> None:
        self.folder, self.options = folder, options
        self.ports = {"prometheus": free_port(), "alertmanager": free_port()}
        self.parts = {name: int(address.rpartition(":")[2]) for name, address in addresses.items()}
        self.running: list[subprocess.Popen[bytes]] = []
        self.names = NameServer(self._services())

    def _services(self) -> dict[str, list[str]]:
        """Return the addresses of the release's Services whose pods run here: of each pod where there is no one for all."""
        here = {f"m-millrace-all-{part}": ["127.0.0.1"] for part in self.parts}
        here["m-millrace-all-api"].append(GONE)
        here["m-millrace-alertmanager"] = ["127.0.0.1"]
        there = {it["metadata"]["name"] for it in objects(*self.options, kind="Service")}
        return {f"{name}.river.svc": addresses for name, addresses in here.items() if name in there}

    def start(self) -> None:
        """Write what they read, and start both."""
        (self.folder / "alertmanager.yaml").write_text(alertmanager(*self.options))
        files = prometheus(*self.options)
        (self.folder / "alerts.yaml").write_text(re.sub(r"for: \d+m$", "for: 2s", files["alerts.yaml"], flags=re.M))
        (self.folder / "prometheus.yaml").write_text(self._configuration(files["prometheus.yaml"]))
        self._run("alertmanager", found("prometheus-alertmanager", "prometheus-alertmanager"))
        self._run("prometheus", found("prometheus", "prometheus"))

    def _configuration(self, text: str) -> str:
        told = yaml.safe_load(self._ports(text).replace("/etc/prometheus/", f"{self.folder}/"))
        for job in told["scrape_configs"]:
            for each in job.get("dns_sd_configs", ()):
                (name,) = each["names"]
                part = DNS.fullmatch(name)
                each["port"] = self.parts.get(part[1], 9) if part else 9
        return yaml.safe_dump(told)

    def _ports(self, text: str) -> str:
        return text.replace(":9090", f":{self.ports['prometheus']}").replace(":9093", f":{self.ports['alertmanager']}")

    def _run(self, part: str, program: str) -> None:
        (container,) = one("StatefulSet", f"-{part}", *self.options)["spec"]["template"]["spec"]["containers"]
        args = [self._ports(it).replace(f"/etc/{part}/", f"{self.folder}/") for it in container["args"]]
        args = [it.replace(f"=/{part}", f"={self.folder}/{part}") for it in args]
        args = [it.replace("listen-address=:", "listen-address=127.0.0.1:") for it in args]
        with (self.folder / f"{part}.log").open("wb") as out:
            argv = [*asking(self.folder, "river"), program, *args]
            self.running.append(subprocess.Popen(argv, stdout=out, stderr=out))

    def stop(self) -> None:
        """End both, and the name server."""
        for it in self.running:
            it.terminate()
            it.wait(20)
        self.names.close()


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    it = Receiver()
    yield it
    it.close()


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    it = Running(tmp_path_factory.mktemp("platform"), "--speed", "20000")
    try:
        api = it.wait(it.address, UP)
        it.wait(lambda: httpx.get(f"{api}/v1/use-cases/flight-delay/example").status_code == 200, BACK)
        yield it
    finally:
        it.stop()


@pytest.fixture(scope="module")
def watchers(tmp_path_factory: pytest.TempPathFactory, platform: Running, receiver: Receiver) -> Iterator[Watchers]:
    """Both, watching the platform."""
    folder = tmp_path_factory.mktemp("watchers")
    if not may_ask(folder):
        missing("names can be looked up as in a cluster only by root, with port 53 of loopback free")
    addresses = {name: it["health"] for name, it in platform.parts().items() if name in PARTS}
    it = Watchers(folder, addresses, values(receiver))
    try:
        it.start()
        yield it
    finally:
        it.stop()


@pytest.fixture(scope="module")
def server(watchers: Watchers) -> Prometheus:
    """Prometheus, once it answers."""
    address = f"http://127.0.0.1:{watchers.ports['prometheus']}"
    _until(lambda: httpx.get(f"{address}/-/ready").is_success, 30.0, watchers.folder / "prometheus.log")
    return Prometheus(address)


def _until(condition: Any, seconds: float, log: Path) -> None:
    deadline = time.monotonic() + seconds
    while not _holds(condition):
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.5)


def _holds(condition: Any) -> bool:
    try:
        return bool(condition())
    except httpx.HTTPError:
        return False


def test_every_part_is_found_by_its_name_and_answers(server: Prometheus, watchers: Watchers) -> None:
    """Each address of a name is a target of its own: of two replicas of the API, the one that is gone is seen to be."""

    def health() -> dict[tuple[str, str], str]:
        found = server.get("targets")["activeTargets"]
        return {(it["labels"]["job"], it["labels"]["instance"].partition(":")[0]): it["health"] for it in found}

    wanted = {(f"millrace-{part}", "127.0.0.1"): "up" for part in PARTS}
    wanted |= {("millrace-api", GONE): "down", ("prometheus", "localhost"): "up"}
    wanted |= {("alertmanager", "m-millrace-alertmanager"): "up"}
    _until(lambda: health() == wanted, TOLD, watchers.folder / "prometheus.log")


def test_every_query_of_dashboards_whose_part_runs_here_has_data(server: Prometheus, platform: Running) -> None:
    """As Grafana would ask, whose source is this server; pages have no visitors here, so theirs are left out."""
    wanted = {name: query for name, query in QUERIES.items() if "dashboard" not in parts(query)}
    wanted = {name: query for name, query in wanted.items() if not elsewhere(query)}
    deadline = time.monotonic() + FILLED
    while server.without_data(wanted) and time.monotonic() < deadline:
        ask(platform.address())
        time.sleep(2.0)
    empty = server.without_data(wanted)
    print(f"\n{len(wanted) - len(empty)} of {len(wanted)} queries have data")
    assert empty == []


def test_an_alert_reaches_who_is_told_of_it_with_the_address_of_its_page(
    server: Prometheus, watchers: Watchers, receiver: Receiver
) -> None:
    """From the replica that is gone over the rendered rule and route to the webhook of the one on call, and to nobody else."""

    def told() -> list[dict[str, Any]]:
        return [
            it for each in receiver.told for it in each["alerts"] if it["labels"]["alertname"] == "MillracePartDown"
        ]

    _until(told, TOLD, watchers.folder / "alertmanager.log")
    (first, *_) = told()
    assert first["status"] == "firing"
    assert first["labels"]["instance"].startswith(f"{GONE}:")
    assert first["labels"]["job"] == "millrace-api"
    assert first["annotations"]["runbook_url"] == f"{PAGES}/MillracePartDown.md"
    assert {it["receiver"] for it in receiver.told} == {"on-call"}


def test_no_rule_is_at_fault(server: Prometheus) -> None:
    """All rules of the chart are evaluated."""
    rules = [rule for group in server.get("rules")["groups"] for rule in group["rules"]]
    assert len(rules) > 20
    assert {it["name"]: it.get("lastError") for it in rules if it["health"] == "err"} == {}

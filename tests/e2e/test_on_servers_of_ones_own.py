"""`millrace up` on real Kafka, MinIO, Valkey and MLflow on PostgreSQL, each with the keys that the chart gives.

All of them are killed while it learns: nothing is lost, nothing comes twice, and answers do not stop.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from millrace.adapters.registry.mlflow import open_registry
from millrace.adapters.registry.port import ModelVersion
from millrace.domain.errors import Unreachable
from millrace.domain.state_id import StateId
from millrace.runtime.settings import Connections
from tests.adapters.conftest import free_port
from tests.chart.servers import WHY_NOT_MINIO, Servers, is_minio_here, servers
from tests.chart.test_connections import drawn
from tests.chart.test_running_connections import look
from tests.drills.platform import USE_CASE, Platform
from tests.drills.test_kill_the_trainer import rebuild
from tests.kafka import real_kafka
from tests.platform import UP, Running

pytestmark = [pytest.mark.kafka, pytest.mark.stack]

SPEED = 6_000
BACK = 180.0
"""Seconds until a server that was killed must be in use again."""
ALWAYS = {("trainer", "kafka"), ("trainer", "s3"), ("trainer", "redis"), ("trainer", "mlflow"), ("mlflow", "postgres")}
LOADS = "import mlflow, sys; print(mlflow.pyfunc.load_model(f'models:/{sys.argv[1]}@champion').metadata.metadata['state_id'])"


class Chart(NamedTuple):
    """The platform, the servers it runs on, and a client of the log."""

    running: Running
    its: Servers
    log: Platform
    kafka: int

    @property
    def connections(self) -> Connections:
        return self.log.stack.connections

    def pids(self) -> dict[str, int]:
        """Return the processes by what the chart calls them."""
        found = {name: process.pid for name, process in list(self.its.running.items())}
        parts = {name: part["pid"] for name, part in self.running.parts().items() if name != "supervisor"}
        there = {name: pid for name, pid in parts.items() if pid}  # one that is being started again has none
        return {"kafka": self.kafka, **found, **there}


class Told(NamedTuple):
    """What `.connections` is read from."""

    connections: Connections


@pytest.fixture(params=["embedded store", "minio"])
def chart(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Chart]:
    minio = request.param == "minio"
    if minio and not is_minio_here():
        pytest.skip(WHY_NOT_MINIO)
    (tmp_path / "servers").mkdir()
    made = servers(tmp_path / "servers", "s3", "redis", "postgres", "mlflow", minio=minio)
    with real_kafka(tmp_path / "kafka") as broker, made as its:
        assert broker.process is not None
        home = tmp_path / "home"
        home.mkdir()
        trainer = its.connections("trainer", home=home, kafka=broker.address)
        log = Platform(Told(trainer), home)
        running = up(home, trainer, its.keys("reader"))
        try:
            yield Chart(running, its, log, broker.process.pid)
        finally:
            log.stop_all()
            running.stop()


def up(home: Path, trainer: Connections, reader: tuple[str, str]) -> Running:
    where = {"kafka": trainer.kafka, "s3": trainer.s3_endpoint, "redis": trainer.redis, "mlflow": trainer.mlflow}
    options = [word for name, address in where.items() for word in (f"--{name}", address)]
    keys = {"S3_ACCESS_KEY": trainer.s3_access_key, "S3_SECRET_KEY": trainer.s3_secret_key.get_secret_value()}
    keys |= {"S3_READER_ACCESS_KEY": reader[0], "S3_READER_SECRET_KEY": reader[1]}
    often = {"CHECKPOINT_INTERVAL": 3, "REGISTRATION_INTERVAL": 3}
    return Running(home, *options, "--speed", str(SPEED), "--no-dashboard", **keys, **often)


class Caller(threading.Thread):
    """Asks for predictions, live and registered in turn, until told to stop; keeps every answer that is not one."""

    def __init__(self, api: str) -> None:
        super().__init__(daemon=True)
        self._case = f"{api}/v1/use-cases/{USE_CASE}"
        self._event = httpx.get(f"{self._case}/example").json()
        self.enough = threading.Event()
        self.answers: dict[str, list[str]] = {"live": [], "registered": []}
        self.refusals: list[str] = []

    def run(self) -> None:
        with httpx.Client(timeout=10) as client:
            while not self.enough.wait(0.05):
                for source, query in (("live", {}), ("registered", {"model": "registered"})):
                    self._ask(client, source, query)

    def hears_of_one(self) -> bool:
        """Tell whether there is a registered version; its alias comes a moment after it."""
        asked = {"params": {"model": "registered"}, "json": self._event}
        return httpx.post(f"{self._case}/predict", **asked, timeout=10).is_success

    def hears_of_more(self) -> bool:
        """Tell whether the registered version that answers is another than at first."""
        found = self.answers["registered"]
        return found[-1:] != found[:1]

    def _ask(self, client: httpx.Client, source: str, query: dict[str, str]) -> None:
        try:
            answer = client.post(f"{self._case}/predict", params=query, json=self._event)
        except httpx.HTTPError as error:
            self.refusals.append(f"{source}: {error!r}")
            return
        if answer.is_success and answer.json()["serving_from"] == source:
            self.answers[source].append(answer.json()["state_id"])
        else:
            self.refusals.append(f"{source}: {answer.status_code} {answer.text[:300]}")


class Watcher(threading.Thread):
    """Sees who is connected with whom, from outside."""

    def __init__(self, chart: Chart) -> None:
        super().__init__(daemon=True)
        self._chart = chart
        self.enough = threading.Event()
        self.seen: set[tuple[str, str]] = set()

    def run(self) -> None:
        while not self.enough.wait(0.5):
            self.seen |= look(self._chart.pids())


async def listed(connections: Connections) -> list[ModelVersion]:
    """Return what is registered, newest first; MLflow may need a while when it was killed."""
    registry = open_registry(connections)
    try:
        async with asyncio.timeout(BACK):
            while True:
                with suppress(Unreachable):
                    return await registry.versions(USE_CASE)
                await asyncio.sleep(1)
    finally:
        await registry.close()


def states(chart: Chart) -> list[str]:
    """Return the states that are registered, newest first."""
    return [it.state_id for it in asyncio.run(listed(chart.connections))]


def learns_on(chart: Chart) -> None:
    """Wait until the trainer has learnt more than it had."""
    before = chart.log.shard().get("events", 0)
    chart.log.wait(lambda line: line["events"] > before + 200, BACK)


def kill_each(chart: Chart) -> None:
    """SIGKILL the trainer, then every server in turn, while it learns."""
    os.kill(chart.running.parts()["trainer"]["pid"], signal.SIGKILL)
    chart.running.wait(lambda: chart.running.parts()["trainer"]["restarts"] == 1, BACK)
    learns_on(chart)
    for name in ("s3", "postgres", "mlflow"):
        chart.its.kill(name)
        learns_on(chart)
        chart.its.start(name)
        learns_on(chart)


def loaded_by_a_reader(chart: Chart) -> str:
    """Load the champion in another process, with the reader's key; return its state id."""
    access, hidden = chart.its.keys("reader")
    told = {"MLFLOW_TRACKING_URI": chart.its.mlflow, "MLFLOW_S3_ENDPOINT_URL": chart.its.s3}
    told |= {"AWS_ACCESS_KEY_ID": access, "AWS_SECRET_ACCESS_KEY": hidden, "AWS_DEFAULT_REGION": "us-east-1"}
    argv = [sys.executable, "-c", LOADS, USE_CASE]
    done = subprocess.run(argv, env={**os.environ, **told}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


def registers_on(chart: Chart) -> None:
    """Wait until a newer state is registered."""
    before = states(chart)
    chart.running.wait(lambda: states(chart)[:1] != before[:1], BACK)


def learns_the_rest(chart: Chart) -> dict[str, int]:
    """Let a trainer learn what the platform has left when it was stopped; return the events that were sent."""
    events = chart.log.events()
    chart.log.trainer_port = free_port()
    chart.log.start("trainer")
    chart.log.wait(lambda line: line["events"] == len(events) and line["lag"] == 0, 150)
    return events


@pytest.mark.timeout(900)
def test_every_server_may_be_killed(chart: Chart) -> None:
    """Each event is predicted once, the whole chain verifies, every state is registered once, and no caller is refused."""
    running, log = chart.running, chart.log
    api = running.wait(running.address, UP)
    log.trainer_port = int(running.parts()["trainer"]["address"].rpartition(":")[2])
    registers_on(chart)
    running.wait(lambda: httpx.get(f"{api}/readyz").status_code == 200, BACK)
    caller, watcher = Caller(api), Watcher(chart)
    running.wait(caller.hears_of_one, BACK)
    for each in (caller, watcher):
        each.start()
    kill_each(chart)
    registers_on(chart)
    running.wait(caller.hears_of_more, BACK)
    for each in (caller, watcher):
        each.enough.set()
        each.join()
    assert caller.refusals == []
    assert len(set(caller.answers["live"])) > 20
    assert watcher.seen - {(it.opener, it.to) for it in drawn()} == set()
    assert watcher.seen >= ALWAYS

    running.stop()
    events = learns_the_rest(chart)
    assert set(events.values()) == {1}
    assert log.predictions() == events
    audit = rebuild(log, "--audit")
    assert audit["matches"], audit
    loaded, registered = loaded_by_a_reader(chart), states(chart)
    assert loaded in registered
    assert len(set(registered)) == len(registered)
    assert {StateId.parse(it).epoch for it in registered} == {1}
    assert log.stop("trainer") == 0

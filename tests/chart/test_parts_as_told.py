"""What pods are told makes the parts run: their variables and files as rendered, on a real Kafka and real stores."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from millrace.runtime.embedded.stack import Stack
from tests.adapters.conftest import free_port
from tests.chart.rendering import CHART, PRESETS, one
from tests.kafka import real_kafka

pytestmark = [pytest.mark.kafka, pytest.mark.stack]

PARTS = {"trainer-default": "TRAINER", "producer-default": "PRODUCER", "api": "API", "feed": "FEED"}
LEARNT = 120.0
CREDENTIALS = {"access-key": "millrace", "secret-key": "millrace-secret"}


class Pods:
    """The demo's parts as processes here: where the chart names a service, a folder or a port, it is one of this machine."""

    def __init__(self, folder: Path, stack: Stack) -> None:
        self.folder = folder
        self.ports = {part: free_port() for part in PARTS}
        its = stack.connections
        self.here = {
            "m-millrace-kafka-0.m-millrace-kafka.river.svc:9092": its.kafka,
            "http://m-millrace-s3:9000": its.s3_endpoint,
            "redis://:$(REDIS_PASSWORD)@m-millrace-redis:6379/0": its.redis,
            "http://m-millrace-mlflow:5000": its.mlflow,
            "http://m-millrace-trainer-default:8010": f"http://127.0.0.1:{self.ports['trainer-default']}",
            "/keys/": f"{folder}/keys/",
            "0.0.0.0": "127.0.0.1",
        }
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        (folder / "keys").mkdir()
        for name, value in one("Secret", "-signing", *PRESETS["demo"])["data"].items():
            (folder / "keys" / name).write_bytes(base64.b64decode(value))

    def start(self, part: str) -> None:
        """Run a part as its container is told, in a folder of its own."""
        (container,) = one("Deployment", f"-{part}", *PRESETS["demo"])["spec"]["template"]["spec"]["containers"]
        home = self.folder / part
        home.mkdir()
        told = {it["name"]: self._of(it, home) for it in container["env"]}
        told[f"MILLRACE_{PARTS[part]}_PORT"] = str(self.ports[part])
        clean = {name: value for name, value in os.environ.items() if not name.startswith("MILLRACE_")}
        with (self.folder / f"{part}.log").open("wb") as out:
            self.running[part] = subprocess.Popen(
                [sys.executable, "-m", "millrace.cli", *container["args"]],
                env={**clean, **told},
                cwd=home,
                stdout=out,
                stderr=out,
            )

    def _of(self, variable: dict[str, object], home: Path) -> str:
        source = variable.get("valueFrom")
        if isinstance(source, dict):
            return CREDENTIALS.get(source["secretKeyRef"]["key"], "")
        value = str(variable["value"]).replace("/var/lib/millrace", str(home))
        for usual, here in self.here.items():
            value = value.replace(usual, here)
        return value

    def wait_ready(self) -> None:
        """Wait until `/readyz` of each says so, as their probes do."""
        deadline = time.monotonic() + LEARNT
        for part, process in self.running.items():
            while not _ready(self.ports[part]):
                said = (self.folder / f"{part}.log").read_text()[-3000:]
                assert process.poll() is None, said
                assert time.monotonic() < deadline, said
                time.sleep(0.5)

    def stop(self) -> dict[str, int]:
        """Tell all to stop as Kubernetes does; return their exit codes."""
        for process in self.running.values():
            process.send_signal(signal.SIGTERM)
        try:
            return {part: process.wait(20) for part, process in self.running.items()}
        finally:
            for process in self.running.values():
                process.kill()
                process.wait()


def _ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """Kafka, S3 and Redis; MLflow is away, which learning and serving bear."""
    (tmp_path / "stack").mkdir()
    with real_kafka(tmp_path / "broker") as broker, Stack(broker.address, tmp_path / "stack") as it:
        yield it


def test_the_demo_learns_and_answers(tmp_path: Path, stack: Stack) -> None:
    """The test that `helm test` runs gets an answer with the id of a state; all end by themselves when they are told to."""
    pods = Pods(tmp_path, stack)
    try:
        for part in PARTS:
            pods.start(part)
        pods.wait_ready()
        env = {**os.environ, "MILLRACE_API": f"http://127.0.0.1:{pods.ports['api']}", "PATIENCE": "30"}
        argv = [sys.executable, str(CHART / "files" / "ask.py")]
        figures = httpx.get(f"{env['MILLRACE_API']}/v1/health").json()
        asked = subprocess.run(argv, env=env, capture_output=True, text=True, check=False, timeout=60)
    finally:
        codes = pods.stop()
    assert asked.returncode == 0, asked.stderr
    assert (figures["parts"], figures["answering"]) == (1, 1), "the API reads the trainer's figures"
    assert " by state flight-delay.0.1." in asked.stdout
    assert codes == dict.fromkeys(PARTS, 0)

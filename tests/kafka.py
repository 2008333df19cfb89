"""Logs for the suites: the twin in memory, the embedded log, and real Apache Kafka, each started once a session.

Real Kafka needs Java 17 and Maven (`make kafka`). Where it cannot be had, tests that need it are skipped on a person's
machine, and fail where `CI=true`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from millrace.adapters.bus.kafka import KafkaBus
from millrace.runtime.embedded.kafka_broker import Broker
from millrace.runtime.embedded.kafka_jars import NoKafka, jars
from millrace.runtime.embedded.log import ready
from millrace.runtime.embedded.ports import free_ports

ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def real_kafka(folder: Path) -> Iterator[Broker]:
    """Apache Kafka on free ports; its jars are kept with the repository's own embedded state."""
    try:
        libs = jars(ROOT / ".millrace" / "kafka")
        broker = Broker(libs, folder, dict(zip(["broker", "controller"], free_ports(2), strict=True)))
        broker.start()
    except NoKafka as reason:
        if os.environ.get("CI") == "true":
            pytest.fail(f"real Kafka is required where CI=true: {reason}")
        pytest.skip(f"real Kafka cannot be had: {reason}")
    try:
        yield broker
    finally:
        broker.stop()


@contextmanager
def embedded_log(folder: Path) -> Iterator[Path]:
    """The embedded log in a process of its own; its address is in the file."""
    place = folder / "address"
    process = start_embedded_log(place)
    try:
        yield place
    finally:
        process.kill()
        process.wait()


def start_embedded_log(place: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-m", "millrace.runtime.embedded.log", str(place)])
    deadline = time.monotonic() + 20
    while not ready(place):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


def embedded_bus(place: Path, patience: float = 30.0) -> KafkaBus:
    return KafkaBus(lambda: place.read_text(), embedded=True, patience=patience)

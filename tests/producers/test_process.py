"""The producer as a process, on the embedded log and the embedded object store: killed for real."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from millrace.adapters.bus.kafka import KafkaBus
from millrace.adapters.bus.port import Record, TopicPartition
from millrace.adapters.checkpoints.index import CheckpointIndex, Latest
from millrace.adapters.checkpoints.s3 import open_store
from millrace.runtime.embedded import log, s3
from millrace.runtime.embedded.part import Part
from millrace.runtime.embedded.ports import free_ports
from millrace.runtime.settings import Connections

FACTS = 3_000
USE_CASE = "flight-delay"
TOPICS = (f"{USE_CASE}.events", f"{USE_CASE}.labels")


class House:
    """A log, an object store, and a producer that is killed and started again."""

    def __init__(self, home: Path) -> None:
        s3_port, self.port = free_ports(2)
        self.connections = Connections(
            home=home, kafka=f"@{home}/log/address", embedded_log=True, s3_endpoint=f"http://127.0.0.1:{s3_port}"
        )
        self.log = log.part(self.connections)
        self.store = s3.part(self.connections, s3_port)
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, part: Part) -> None:
        with (self.connections.home / f"{part.name}.log").open("ab") as out:
            env = {**os.environ, **part.env}
            self.running[part.name] = subprocess.Popen(part.argv, env=env, stdout=out, stderr=out)

    def start_producer(self, speed: float) -> None:
        told = {
            "MILLRACE_HOME": str(self.connections.home),
            "MILLRACE_KAFKA": self.connections.kafka,
            "MILLRACE_EMBEDDED_LOG": "true",
            "MILLRACE_S3_ENDPOINT": self.connections.s3_endpoint,
            "MILLRACE_USE_CASE": USE_CASE,
            "MILLRACE_SPEED": str(speed),
            "MILLRACE_LIMIT": str(FACTS),
            "MILLRACE_PRODUCER_PORT": str(self.port),
        }
        argv = [sys.executable, "-c", "from producers.main import run; run()"]
        self.start(Part(name="producer", argv=argv, env=told, address="", ready=bool, order=0))

    def kill(self, name: str, number: int = signal.SIGKILL) -> int:
        process = self.running.pop(name)
        process.send_signal(number)
        return process.wait(15)

    def bus(self) -> KafkaBus:
        return KafkaBus(self.connections.bootstrap, embedded=True)

    def index(self) -> CheckpointIndex:
        return CheckpointIndex(open_store(self.connections, self.connections.checkpoints_bucket), USE_CASE, 0)

    def state(self) -> str:
        """Return what the producer says of itself."""
        try:
            body = httpx.get(f"http://127.0.0.1:{self.port}/readyz", timeout=2, trust_env=False).json()
        except httpx.HTTPError:
            return ""
        return f"{body.get('state', '')} {msgspec.json.encode(body.get('reasons', {})).decode()}"


def until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.1)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    for part in (made.log, made.store):
        made.start(part)
    until(lambda: made.log.ready() and made.store.ready())
    yield made
    for name in list(made.running):
        made.kill(name)


async def written(bus: KafkaBus) -> dict[TopicPartition, list[Record]]:
    """Return all that the log has, by partition."""
    partitions = await bus.ensure_topics(dict.fromkeys(TOPICS, 1))
    where = [TopicPartition(topic, it) for topic, count in partitions.items() for it in range(count)]
    end = await bus.end(where)
    reader = await bus.reader(dict.fromkeys(where, 0))
    found: dict[TopicPartition, list[Record]] = {it: [] for it in where}
    while any(reader.position(it) < end[it] for it in where):
        for it, records in (await reader.read(timeout=5.0)).items():
            found[it] += records
    await reader.close()
    return found


def numbers(found: dict[TopicPartition, list[Record]]) -> list[int]:
    return sorted(int(it.header("ce_sequence") or b"-1") for records in found.values() for it in records)


async def test_killed_again_and_again_it_writes_each_fact_once(house: House) -> None:
    """SIGKILL in the middle of it, three times; then SIGTERM, which it obeys in time."""
    chance, bus = random.Random(11), house.bus()
    for _ in range(3):
        house.start_producer(speed=50_000)
        before = len(numbers(await written(bus)))
        while len(numbers(await written(bus))) < before + 100:
            await asyncio.sleep(0.2)
        await asyncio.sleep(chance.random())
        house.kill("producer")
    house.start_producer(speed=0)
    until(lambda: "the recording is over" in house.state())
    found = await written(bus)
    assert numbers(found) == list(range(FACTS))
    for records in found.values():
        times = [it.header("ce_time") or b"" for it in records]
        assert times == sorted(times)
    assert house.kill("producer", signal.SIGTERM) == 0
    await bus.close()


async def test_a_log_that_was_killed_is_filled_from_the_checkpoint_without_a_restart(house: House) -> None:
    """The producer waits until the shard is taken up on the new log, then sends what it has not learnt."""
    index = house.index()
    house.start_producer(speed=0)
    until(lambda: "the recording is over" in house.state())
    bus = house.bus()
    learnt = {it: int(records[-1].header("ce_sequence") or b"") for it, records in (await written(bus)).items()}
    half = {str(where): last // 2 for where, last in learnt.items()}
    old = await bus.cluster_id()
    await index.advance(Latest(key="1", state_id="s.0.1.1", epoch=1, offset=1, cluster_id=old, sequences=half))
    house.kill("log")
    house.start(house.log)
    until(lambda: "waiting for the trainer" in house.state())
    new = await bus.cluster_id()
    assert new != old
    await index.advance(Latest(key="2", state_id="s.0.2.0", epoch=2, offset=0, cluster_id=new, sequences=half))
    until(lambda: "the recording is over" in house.state())
    for where, records in (await written(bus)).items():
        sent = [int(it.header("ce_sequence") or b"") for it in records]
        assert sent == sorted(set(sent))
        assert not sent or sent[0] > half[str(where)]
        assert not sent or sent[-1] == learnt[where]
    await bus.close()

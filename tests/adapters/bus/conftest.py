"""One log of each kind, and the few things a suite does to it that no client could."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import TopicPartition as KafkaPartition

from millrace.adapters.bus.kafka import KafkaBus
from millrace.adapters.bus.memory import MemoryBus, MemoryCluster
from millrace.adapters.bus.port import Bus, Message, TopicPartition
from millrace.runtime.embedded.kafka_broker import Broker
from tests.kafka import embedded_bus, embedded_log, real_kafka


class World(Protocol):
    """A log under test. `hides_aborted` and `fences` say what its kind is able to do."""

    hides_aborted: bool
    fences: bool

    def bus(self) -> Bus: ...

    async def forget(self, where: TopicPartition, before: int) -> int: ...


class InMemory:
    hides_aborted = fences = True

    def __init__(self) -> None:
        self.cluster = MemoryCluster()

    def bus(self) -> Bus:
        return MemoryBus(self.cluster)

    async def forget(self, where: TopicPartition, before: int) -> int:
        self.cluster.cut(where, before)
        return before


class Embedded:
    """The mock cluster neither hides aborted records nor fences; Millrace's journal chain is why that is bearable."""

    hides_aborted = fences = False

    def __init__(self, place: Path) -> None:
        self.place = place

    def bus(self) -> Bus:
        return embedded_bus(self.place)

    async def forget(self, where: TopicPartition, before: int) -> int:
        """Write until it forgets by itself: it keeps 5 MB of a partition."""
        bus = self.bus()
        writer = await bus.writer()
        filler = [Message(where.topic, b"x" * 100_000, partition=where.partition)] * 70
        while (await bus.beginning([where]))[where] < before:
            await writer.send(filler)
        await writer.close()
        first = (await bus.beginning([where]))[where]
        await bus.close()
        return first


class Real:
    hides_aborted = fences = True

    def __init__(self, broker: Broker) -> None:
        self.broker = broker

    def bus(self) -> Bus:
        return KafkaBus(self.broker.address)

    async def forget(self, where: TopicPartition, before: int) -> int:
        admin: Any = AIOKafkaAdminClient(bootstrap_servers=self.broker.address)
        await admin.start()
        await admin.delete_records({KafkaPartition(*where): RecordsToDelete(before)})
        await admin.close()
        return before


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with real_kafka(tmp_path_factory.mktemp("kafka")) as running:
        yield running


@pytest.fixture(scope="session")
def embedded_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with embedded_log(tmp_path_factory.mktemp("log")) as place:
        yield place


@pytest.fixture(params=["memory", "embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "memory":
        return InMemory()
    if request.param == "embedded":
        return Embedded(request.getfixturevalue("embedded_place"))
    return Real(request.getfixturevalue("broker"))


@pytest.fixture
async def bus(world: World) -> AsyncIterator[Bus]:
    bus = world.bus()
    yield bus
    await bus.close()


@pytest.fixture
async def topic(bus: Bus) -> str:
    """A topic of its own, with at least two partitions."""
    name = f"t-{uuid.uuid4().hex[:12]}"
    await bus.ensure_topics({name: 2})
    return name


@pytest.fixture
async def journal(bus: Bus) -> str:
    """A topic whose partition 0 takes entries."""
    name = f"j-{uuid.uuid4().hex[:12]}"
    await bus.ensure_topics({name: 1})
    return name

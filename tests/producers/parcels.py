"""A small recording, a clock that is told what time it is, and a log that may die."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from millrace import (
    Candidate,
    Event,
    Fact,
    Id,
    Key,
    Label,
    Minutes,
    Of,
    PackageFile,
    Profiles,
    Recorded,
    Regression,
    Row,
    Truth,
    UseCase,
)
from millrace.adapters.bus.memory import MemoryBus, MemoryCluster, MemoryWriter
from millrace.adapters.bus.port import Bus, Message, Record, TopicPartition
from millrace.adapters.checkpoints.index import CheckpointIndex
from millrace.adapters.checkpoints.memory import MemoryStore
from millrace.domain.facts import available_at
from millrace.domain.times import Micros
from producers.producer import Producer
from producers.recording import Recording
from producers.settings import ProducerSettings

START = datetime(2024, 5, 1, tzinfo=UTC)


class Parcel(Event):
    parcel_id: Id[str]
    depot: Key[str]
    note: str | None = None


class Delivered(Label):
    parcel_id: Of[str]
    minutes_late: Minutes


def no_rows(files: Mapping[str, Iterable[Row]]) -> Iterator[Fact]:
    yield from ()


parcels = UseCase(
    "parcels",
    "How late?",
    Parcel,
    Profiles,
    features=lambda parcel, seen: {},
    task=Regression(target=lambda d: d.minutes_late, truth=Truth(Delivered, patience="2d")),
    candidates={"none": Candidate(dict)},
    source=Recorded({"rows": PackageFile("none", "none.csv")}, no_rows),
)


def recording(count: int = 60, depots: int = 5) -> Recording:
    """One parcel a minute, each delivered ninety seconds later."""
    facts: list[Fact] = []
    for number in range(count):
        at = START + timedelta(minutes=number)
        facts.append(Parcel(occurred_at=at, parcel_id=f"p{number}", depot=f"d{number % depots}"))
        facts.append(Delivered(known_at=at + timedelta(seconds=90), parcel_id=f"p{number}", minutes_late=1.5))
    facts.sort(key=available_at)
    return Recording(parcels, facts)


class ToldClock:
    """A clock on which waiting takes no time of ours. It ends the run when a moment has come."""

    def __init__(self, until: float = float("inf")) -> None:
        self.time = 0.0
        self.until = until
        self.steps: list[Callable[[], object]] = []

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds
        if self.time >= self.until:
            raise asyncio.CancelledError
        for step in self.steps:
            step()
        await asyncio.sleep(0)


class Killed(Exception):
    """The process is gone."""


class MortalWriter:
    """Dies within a send: each partition got some of it, in order, as under SIGKILL."""

    def __init__(self, cluster: MemoryCluster, chance: random.Random, life: int) -> None:
        self._within = MemoryWriter(cluster)
        self._chance = chance
        self._life = life

    async def send(self, messages: Sequence[Message]) -> None:
        self._life -= len(messages)
        if self._life > 0:
            return await self._within.send(messages)
        lanes = sorted({(it.topic, it.partition) for it in messages}, key=str)
        reached = {lane: self._chance.randrange(len(messages) + 1) for lane in lanes}
        await self._within.send([it for number, it in enumerate(messages) if number < reached[it.topic, it.partition]])
        raise Killed

    async def close(self) -> None: ...


class MortalBus(MemoryBus):
    """A bus whose writer dies after so many records."""

    def __init__(self, cluster: MemoryCluster, chance: random.Random, life: int) -> None:
        super().__init__(cluster)
        self._mortal = MortalWriter(cluster, chance, life)

    async def writer(self) -> MortalWriter:  # type: ignore[override]
        return self._mortal


class Heard:
    """What a producer has reported."""

    def __init__(self) -> None:
        self.states: list[tuple[bool, str]] = []
        self.facts = 0
        self.held = 0.0

    def replaying(self, what: str) -> None:
        self.states.append((True, what))

    def waiting(self, why: str) -> None:
        self.states.append((False, why))

    def beat(self) -> None: ...

    def sent(self, topic: str, facts: int, stream_time: Micros) -> None:
        self.facts += facts

    def held_back(self, seconds: float) -> None:
        self.held += seconds


class World:
    """A log, an object store and a clock that outlive the producers run against them."""

    def __init__(self, **settings: object) -> None:
        self.cluster = MemoryCluster()
        self.store = MemoryStore()
        self.clock = ToldClock()
        self.heard = Heard()
        self.settings = ProducerSettings(use_case="parcels", **{"speed": 0, "partitions": 3, **settings})  # type: ignore[arg-type]

    async def run(self, source: Recording, *, seconds: float = 30.0, bus: Bus | None = None) -> None:
        """Run one producer for some seconds of the told clock, or until it is killed."""
        self.clock.until = self.clock.time + seconds
        index = CheckpointIndex(self.store, "parcels", 0)
        producer = Producer(
            source, self.settings, lambda: bus or MemoryBus(self.cluster), index, self.clock, self.heard
        )
        try:
            await producer.run()
        except (asyncio.CancelledError, Killed):
            return

    def records(self, topic: str) -> dict[TopicPartition, list[Record]]:
        """Return what the log has of a topic."""
        logs = self.cluster.topics.get(topic, [])
        return {
            TopicPartition(topic, number): [it for it in log.slots if it is not None] for number, log in enumerate(logs)
        }

    def numbers(self, *topics: str) -> list[int]:
        """Return the sequence numbers in the log, partition by partition."""
        return [
            int(record.header("ce_sequence") or b"-1")
            for topic in topics or ("parcels.events", "parcels.labels")
            for records in self.records(topic).values()
            for record in records
        ]

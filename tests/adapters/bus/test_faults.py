"""Bad days: a log that stalls, restarts, goes away. Each on the kind of log that can have it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from millrace.adapters.bus.kafka import KafkaBus
from millrace.adapters.bus.memory import Fault, MemoryBus, MemoryCluster
from millrace.adapters.bus.port import Message, TopicPartition
from millrace.domain.errors import CommitFailed, Refused, Unreachable
from millrace.runtime.embedded.kafka_broker import Broker
from tests.adapters.bus.reading import everything, numbered, settle, values
from tests.kafka import embedded_bus, real_kafka, start_embedded_log

NOWHERE = "127.0.0.1:1"
JOURNAL, OUTPUT = TopicPartition("journal", 0), TopicPartition("output", 0)


@pytest.fixture
async def twin() -> MemoryBus:
    bus = MemoryBus(MemoryCluster())
    await bus.ensure_topics({"journal": 1, "output": 1})
    return bus


@pytest.fixture(scope="module")
def frail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker of its own, to be stalled and killed."""
    with real_kafka(tmp_path_factory.mktemp("frail")) as running:
        yield running


async def test_an_aborted_commit_is_sent_again_without_a_double(twin: MemoryBus) -> None:
    """After a retriable failure the same outputs and entry may be sent again: each is read once."""
    writer = await twin.transactional_writer("me")
    twin.cluster.faults.append(Fault.ABORTED)
    with pytest.raises(CommitFailed) as caught:
        await writer.commit(numbered("output", 3), Message("journal", b"entry"))
    assert caught.value.retriable
    offset = await writer.commit(numbered("output", 3), Message("journal", b"entry"))
    [entry] = await everything(twin, JOURNAL)
    assert entry.offset == offset
    assert values(await everything(twin, OUTPUT)) == [b"0", b"1", b"2"]


@pytest.mark.parametrize(("fault", "kept"), [(Fault.KILLED, []), (Fault.ANSWER_LOST, [b"entry"])])
async def test_an_unknown_outcome_spends_the_writer(twin: MemoryBus, fault: Fault, kept: list[bytes]) -> None:
    """When nobody can know whether it committed, the writer refuses to go on; the journal tells the next owner."""
    writer = await twin.transactional_writer("me")
    twin.cluster.faults.append(fault)
    for _ in range(2):
        with pytest.raises(CommitFailed) as caught:
            await writer.commit([], Message("journal", b"entry"))
        assert not caught.value.retriable
    await twin.transactional_writer("me")
    assert values(await everything(twin, JOURNAL)) == kept


async def test_a_twin_that_restarts_is_another_cluster(twin: MemoryBus) -> None:
    """A log in memory that restarts has lost everything and has another id; old readers and writers say so."""
    before, reader, writer = twin.cluster.id, await twin.reader({OUTPUT: 0}), await twin.transactional_writer("me")
    twin.cluster.restart()
    assert await twin.cluster_id() != before
    with pytest.raises(Unreachable, match="another cluster"):
        await reader.read(timeout=0.1)
    with pytest.raises(CommitFailed):
        await writer.commit([], Message("journal", b"entry"))


async def test_a_recreated_topic_has_another_id(twin: MemoryBus) -> None:
    """Deleting a topic and making it anew changes its id, and its records are gone."""
    before = await twin.topic_ids(["output"])
    twin.cluster.recreate("output")
    assert await twin.topic_ids(["output"]) != before


async def test_a_topic_that_is_not_there_is_named(twin: MemoryBus) -> None:
    """Writing to a topic nobody made fails, and leaves nothing behind in those that are there."""
    writer = await twin.transactional_writer("me")
    with pytest.raises(CommitFailed, match="elsewhere") as caught:
        await writer.commit([Message("output", b""), Message("elsewhere", b"")], Message("journal", b"entry"))
    assert caught.value.retriable
    assert await everything(twin, JOURNAL) == []


async def test_the_embedded_log_stops_at_once_and_comes_back_as_another(tmp_path: Path) -> None:
    """SIGTERM ends it with status 0 and takes its address back. Restarted, it is another cluster at another address:
    a client that reads the address anew goes on there, and an old reader says that it cannot."""
    place = tmp_path / "address"
    process = start_embedded_log(place)
    bus = embedded_bus(place, patience=5)
    first = await bus.cluster_id()
    await bus.ensure_topics({"output": 1})
    reader = await bus.reader({OUTPUT: 0})
    process.terminate()
    assert process.wait(3) == 0
    assert not place.exists()
    process = start_embedded_log(place)
    assert await bus.cluster_id() != first
    with pytest.raises(Unreachable, match="moved"):
        await reader.read(timeout=1.0)
    await reader.close()
    await bus.close()
    process.kill()
    process.wait()


async def test_a_log_that_is_not_there_is_said_to_be(tmp_path: Path) -> None:
    """Nobody listens: every way of connecting raises, in time, with the address."""
    bus = KafkaBus(NOWHERE, patience=0.5)
    with pytest.raises(Unreachable, match=NOWHERE):
        await bus.cluster_id()
    with pytest.raises(Unreachable, match=NOWHERE):
        await bus.reader({OUTPUT: 0})
    with pytest.raises(Unreachable, match=NOWHERE):
        await bus.transactional_writer("me")
    await bus.close()


@pytest.mark.kafka
async def test_a_record_that_no_broker_would_take_is_refused_beforehand(frail: Broker) -> None:
    """A record too large is refused with its size before anything is sent; the writer can be used on."""
    bus = KafkaBus(frail.address)
    await bus.ensure_topics({"journal": 1, "output": 1})
    writer = await bus.transactional_writer("large")
    with pytest.raises(Refused, match=r"record of 2000\d+ bytes"):
        await writer.commit([Message("output", b"x" * 2_000_000)], Message("journal", b"entry"))
    assert await writer.commit([Message("output", b"x" * 900_000)], Message("journal", b"entry")) >= 0
    await writer.close()
    await bus.close()


@pytest.mark.kafka
async def test_a_broker_that_stalls_makes_a_commit_fail_and_succeed_later_once(frail: Broker) -> None:
    """The broker stands still for longer than the writer's patience: the transaction is aborted and may be sent again
    by the same writer. Each record is then readable once."""
    bus = KafkaBus(frail.address)
    await bus.ensure_topics({"stalled": 1, "stalled.journal": 1})
    await bus.close()
    bus = KafkaBus(frail.address, patience=3)
    writer = await bus.transactional_writer("stalled")
    await writer.commit(numbered("stalled", 1), Message("stalled.journal", b"before"))
    outputs, entry = numbered("stalled", 100), Message("stalled.journal", b"entry")
    assert frail.process is not None
    async with _stopped(frail.process, 4.5):
        with pytest.raises(CommitFailed) as caught:
            await writer.commit(outputs, entry)
    assert caught.value.retriable, caught.value
    offset = await writer.commit(outputs, entry)
    await settle(bus, "stalled")
    [_, kept] = await everything(bus, TopicPartition("stalled.journal", 0))
    assert kept.offset == offset
    assert values(await everything(bus, TopicPartition("stalled", 0))) == [b"0", *(it.value for it in outputs)]
    await writer.close()
    await bus.close()


class _stopped:  # noqa: N801
    """Stops a process for some seconds, as SIGSTOP does; on leaving waits until it runs again."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        self._process, self._seconds = process, seconds

    async def __aenter__(self) -> None:
        os.kill(self._process.pid, signal.SIGSTOP)
        self._later = asyncio.ensure_future(self._resume())

    async def _resume(self) -> None:
        await asyncio.sleep(self._seconds)
        os.kill(self._process.pid, signal.SIGCONT)

    async def __aexit__(self, *_: object) -> None:
        await self._later


@pytest.mark.kafka
async def test_what_was_committed_survives_a_killed_broker(frail: Broker) -> None:
    """SIGKILL of the broker: a commit under way says that nobody knows; restarted on the same data, the log has all
    that was confirmed, is the same cluster, and takes up reading where it was."""
    bus = KafkaBus(frail.address, patience=3)
    await bus.ensure_topics({"killed": 1})
    writer = await bus.transactional_writer("killed")
    where, cluster = TopicPartition("killed", 0), await bus.cluster_id()
    reader = await bus.reader({where: 0})
    for n in range(10):
        await writer.commit([], Message("killed", b"%d" % n))
    frail.kill()
    with pytest.raises(CommitFailed) as caught:
        await writer.commit([], Message("killed", b"lost"))
    assert not caught.value.retriable
    await writer.close()
    with pytest.raises(Unreachable):
        await bus.end([where])
    await asyncio.to_thread(frail.start)
    assert await bus.cluster_id() == cluster
    successor = await bus.transactional_writer("killed")
    await successor.commit([], Message("killed", b"after"))
    found: list[bytes | None] = []
    while b"after" not in found:
        found += values((await reader.read(timeout=5.0)).get(where, []))
    assert found == [*(b"%d" % n for n in range(10)), b"after"]
    await successor.close()
    await reader.close()
    await bus.close()

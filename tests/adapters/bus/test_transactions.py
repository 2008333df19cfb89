"""Whole batches, or nothing, and one owner at a time."""

from __future__ import annotations

import pytest

from millrace.adapters.bus.port import Bus, Message, TopicPartition
from millrace.domain.errors import CommitFailed, Fenced
from tests.adapters.bus.conftest import World
from tests.adapters.bus.reading import everything, numbered, settle, values


async def test_a_commit_names_the_offset_of_its_entry(bus: Bus, topic: str, journal: str) -> None:
    """The offset returned is the one at which the entry is read, although markers leave gaps between entries."""
    writer = await bus.transactional_writer(journal)
    named = [await writer.commit(numbered(topic, n), Message(journal, b"entry %d" % n)) for n in range(5)]
    await writer.close()
    await settle(bus, journal)
    entries = await everything(bus, TopicPartition(journal, 0))
    assert [record.offset for record in entries] == named
    assert values(entries) == [b"entry %d" % n for n in range(5)]
    assert named == sorted(named)
    assert named[-1] - named[0] > 4
    assert values(await everything(bus, TopicPartition(topic, 0))) == [
        b"0",
        b"0",
        b"1",
        b"0",
        b"1",
        b"2",
        b"0",
        b"1",
        b"2",
        b"3",
    ]


async def test_positions_pass_the_marker_after_the_last_record(bus: Bus, journal: str) -> None:
    """Having read the last record, a reader soon stands at the end that the log tells, not one marker before it."""
    first = await bus.transactional_writer(journal)
    await first.commit([], Message(journal, b"1"))
    writer = await bus.transactional_writer(journal)
    where = TopicPartition(journal, 0)
    end = (await bus.end([where]))[where]
    reader = await bus.reader({where: 0})
    for _ in range(10):
        await reader.read(timeout=0.2)
    assert (reader.position(where), reader.at_end(where)) == (end, True)
    assert await writer.commit([], Message(journal, b"2")) >= end
    found: list[bytes | None] = []
    while not found:
        found = values((await reader.read(timeout=2.0)).get(where, []))
    assert found == [b"2"]
    for it in (reader, first, writer):
        await it.close()


async def test_what_an_owner_left_open_is_gone_when_the_next_one_is_ready(
    bus: Bus, world: World, topic: str, journal: str
) -> None:
    """An owner dies inside a transaction. Once its successor is open, nothing of it is readable, and the end moves on.

    The embedded log cannot do this: it shows the records of a transaction that never ended. A reader there goes by the
    journal's chain, and by the last record of an event id.
    """
    writer = await bus.transactional_writer(journal)
    await writer.commit(numbered(topic, 1), Message(journal, b"kept"))
    await _die_inside(world, topic, journal)
    successor = await bus.transactional_writer(journal)
    offset = await successor.commit([Message(topic, b"again", partition=0)], Message(journal, b"next"))
    await settle(bus, journal)
    written = values(await everything(bus, TopicPartition(topic, 0)))
    entries = await everything(bus, TopicPartition(journal, 0))
    assert entries[-1].offset == offset
    if world.hides_aborted:
        assert written == [b"0", b"again"]
        assert values(entries) == [b"kept", b"next"]
    else:
        assert written == [b"0", b"lost", b"again"]
    await successor.close()
    await writer.close()


async def _die_inside(world: World, topic: str, journal: str) -> None:
    """Leave a transaction open under the journal's transactional id, as a killed process does."""
    if cluster := getattr(world, "cluster", None):
        from millrace.adapters.bus.memory import Fault

        cluster.faults.append(Fault.KILLED)
        doomed = await world.bus().transactional_writer(journal)
        with pytest.raises(CommitFailed):
            await doomed.commit([Message(topic, b"lost", partition=0)], Message(journal, b"never"))
        return
    from aiokafka import AIOKafkaProducer

    address = world.place.read_text() if hasattr(world, "place") else world.broker.address  # type: ignore[attr-defined]
    producer = AIOKafkaProducer(bootstrap_servers=address, transactional_id=journal)
    await producer.start()
    await producer.begin_transaction()
    await producer.send_and_wait(topic, b"lost", partition=0)
    await producer.client.close()
    await producer.stop()


async def test_a_transaction_left_open_holds_back_the_end(bus: Bus, world: World, topic: str, journal: str) -> None:
    """The end stands before the first record of an open transaction, and passes it once a new owner has started."""
    if not world.hides_aborted:
        pytest.skip("the embedded log has no last stable offset")
    where = TopicPartition(topic, 0)
    await _die_inside(world, topic, journal)
    assert await bus.end([where]) == {where: 0}
    writer = await bus.transactional_writer(journal)
    assert (await bus.end([where]))[where] > 0
    assert await everything(bus, where) == []
    await writer.close()


async def test_a_second_owner_fences_the_first(bus: Bus, world: World, topic: str, journal: str) -> None:
    """Opening a transactional writer takes the id over: the one before writes nothing more, and learns why."""
    if not world.fences:
        pytest.skip("the embedded log fences nobody: the journal's chain does")
    first = await bus.transactional_writer(journal)
    await first.commit(numbered(topic, 1), Message(journal, b"first"))
    second = await world.bus().transactional_writer(journal)
    with pytest.raises(Fenced, match=journal):
        await first.commit([Message(topic, b"zombie", partition=0)], Message(journal, b"zombie"))
    await second.commit([], Message(journal, b"second"))
    await settle(bus, journal)
    assert values(await everything(bus, TopicPartition(topic, 0))) == [b"0"]
    assert values(await everything(bus, TopicPartition(journal, 0))) == [b"first", b"second"]
    await first.close()
    await second.close()


async def test_a_fenced_writer_stays_fenced_out(bus: Bus, world: World, journal: str) -> None:
    """After it was fenced, a writer refuses everything."""
    if not world.fences:
        pytest.skip("the embedded log fences nobody: the journal's chain does")
    first = await bus.transactional_writer(journal)
    second = await bus.transactional_writer(journal)
    for _ in range(2):
        with pytest.raises((Fenced, CommitFailed)) as caught:
            await first.commit([], Message(journal, b"zombie"))
        assert not getattr(caught.value, "retriable", False)
    await first.close()
    await second.close()

"""What every log does, whichever kind it is."""

from __future__ import annotations

import time

import pytest

from millrace.adapters.bus.partitioning import partition_for
from millrace.adapters.bus.port import Bus, Message, TopicPartition
from millrace.domain.errors import HistoryLost
from tests.adapters.bus.conftest import World
from tests.adapters.bus.reading import everything, numbered, values


async def test_records_of_a_partition_keep_their_order(bus: Bus, topic: str) -> None:
    """What is written one after another is read one after another, over several sends and batches."""
    writer = await bus.writer()
    messages = numbered(topic, 3_000, partition=1)
    await writer.send(messages[:1_700])
    await writer.send(messages[1_700:])
    await writer.close()
    assert values(await everything(bus, TopicPartition(topic, 1))) == [it.value for it in messages]


async def test_a_batch_larger_than_one_packet_arrives_whole(bus: Bus, topic: str) -> None:
    """Three megabytes for one partition are packed into several batches, in order."""
    writer = await bus.writer()
    messages = [Message(topic, b"%03d" % n + b"x" * 30_000, partition=0) for n in range(100)]
    await writer.send(messages)
    await writer.close()
    assert values(await everything(bus, TopicPartition(topic, 0))) == [it.value for it in messages]


async def test_keys_headers_and_times_arrive_as_they_were(bus: Bus, topic: str) -> None:
    """A record has its key, its headers in order, a missing value as None, and the time at which it was written."""
    before = time.time_ns() // 1_000_000
    writer = await bus.writer()
    headers = (("ce_id", b"1"), ("ce_type", b"x"), ("ce_id", b"\xff"))
    await writer.send([Message(topic, None, key=b"k", partition=0, headers=headers)])
    await writer.close()
    [record] = await everything(bus, TopicPartition(topic, 0))
    assert (record.topic, record.partition, record.offset) == (topic, 0, 0)
    assert (record.key, record.value, record.headers) == (b"k", None, headers)
    assert before <= record.timestamp <= time.time_ns() // 1_000_000


async def test_a_key_decides_the_partition_as_kafkas_own_clients_do(bus: Bus, topic: str) -> None:
    """Records of one key share a partition, found by murmur2; records without a key go to partition 0."""
    count = (await bus.ensure_topics({topic: 2}))[topic]
    writer = await bus.writer()
    keys = [b"key-%d" % n for n in range(40)]
    await writer.send([Message(topic, b"", key=key) for key in keys] + [Message(topic, b"none")])
    await writer.close()
    found: dict[bytes | None, int] = {}
    for partition in range(count):
        found |= {record.key: partition for record in await everything(bus, TopicPartition(topic, partition))}
    wanted: dict[bytes | None, int] = {key: partition_for(Message(topic, b"", key=key), count) for key in keys}
    assert found == wanted | {None: 0}


async def test_topics_are_made_once(bus: Bus, topic: str) -> None:
    """Asking again for a topic changes nothing and tells how many partitions it has, wished for or not."""
    first = await bus.ensure_topics({topic: 2})
    assert first[topic] >= 2
    assert await bus.ensure_topics({topic: 7}) == first


async def test_the_topics_there_are_can_be_asked_for_and_asking_makes_none(bus: Bus, topic: str) -> None:
    """Whoever looks for a topic that is not there leaves no trace of having looked."""
    other = f"{topic}.other"
    assert topic in await bus.topics()
    assert other not in await bus.topics()
    made = await bus.ensure_topics({other: 2})
    assert (await bus.topics())[other] == made[other]


async def test_clients_of_one_cluster_see_one_id(bus: Bus, world: World) -> None:
    """A cluster has one id, whoever asks."""
    other = world.bus()
    assert await bus.cluster_id() == await other.cluster_id() != ""
    await other.close()


async def test_a_topic_has_an_id_of_its_own(bus: Bus, topic: str, journal: str) -> None:
    """Topic ids tell topics apart, and stay the same; a topic that is not there has none."""
    ids = await bus.topic_ids([topic, journal])
    assert ids[topic] != ids[journal]
    assert all(ids.values())
    assert await bus.topic_ids([topic, journal]) == ids


async def test_a_reader_knows_where_it_stands(bus: Bus, topic: str) -> None:
    """Positions count what was handed out, not what was fetched; the end is reached when all of it was."""
    writer = await bus.writer()
    await writer.send(numbered(topic, 10))
    where, other = TopicPartition(topic, 0), TopicPartition(topic, 1)
    reader = await bus.reader({where: 2, other: 0})
    assert reader.position(where) == 2
    records = (await reader.read(timeout=2.0, max_records=3))[where]
    assert (values(records), reader.position(where), reader.at_end(where)) == ([b"2", b"3", b"4"], 5, False)
    while not (reader.at_end(where) and reader.at_end(other)):
        records += (await reader.read(timeout=1.0)).get(where, [])
    assert (len(records), reader.position(where), reader.position(other)) == (8, 10, 0)
    assert await reader.read(timeout=0.05) == {}
    await writer.send(numbered(topic, 1))
    assert values((await reader.read(timeout=2.0))[where]) == [b"0"]
    await reader.close()
    await writer.close()


async def test_a_busy_partition_does_not_starve_another(bus: Bus, topic: str) -> None:
    """With a limit on each read, every partition gets its turn."""
    writer = await bus.writer()
    await writer.send(numbered(topic, 3_000, partition=0) + numbered(topic, 3_000, partition=1))
    await writer.close()
    reader = await bus.reader({TopicPartition(topic, 0): 0, TopicPartition(topic, 1): 0})
    seen: set[TopicPartition] = set()
    for _ in range(12):
        seen |= (await reader.read(timeout=1.0, max_records=100)).keys()
    await reader.close()
    assert len(seen) == 2


async def test_a_paused_partition_loses_nothing(bus: Bus, topic: str) -> None:
    """A paused partition is not read, even what was fetched of it already; resumed, it goes on where it was."""
    writer = await bus.writer()
    await writer.send(numbered(topic, 100, partition=0) + numbered(topic, 100, partition=1))
    await writer.close()
    slow, fast = TopicPartition(topic, 0), TopicPartition(topic, 1)
    reader = await bus.reader({slow: 0, fast: 0})
    got = {slow: 0, fast: 0}
    while not got[slow]:
        for where, records in (await reader.read(timeout=1.0, max_records=10)).items():
            got[where] += len(records)
    reader.pause([slow])
    stood = reader.position(slow)
    while got[fast] < 100:
        found = await reader.read(timeout=1.0, max_records=10)
        assert slow not in found
        got[fast] += len(found.get(fast, ()))
    assert (await reader.read(timeout=0.1), reader.position(slow)) == ({}, stood)
    reader.resume([slow])
    while got[slow] < 100:
        got[slow] += len((await reader.read(timeout=1.0)).get(slow, ()))
    assert got == {slow: 100, fast: 100}
    await reader.close()


async def test_a_position_that_is_no_longer_kept_is_refused(bus: Bus, world: World, topic: str) -> None:
    """Reading from before what is kept raises, naming both ends of what is missing; it never lands elsewhere."""
    where = TopicPartition(topic, 0)
    writer = await bus.writer()
    await writer.send(numbered(topic, 20))
    await writer.close()
    first = await world.forget(where, 5)
    assert await bus.beginning([where]) == {where: first}
    reader = await bus.reader({where: 3})
    with pytest.raises(HistoryLost, match=f"between 3 and {first} of {where}"):
        await reader.read(timeout=5.0)
    await reader.close()


async def test_a_position_after_the_end_is_refused(bus: Bus, topic: str) -> None:
    """A log that ends before a position was cut short or made anew: that is said, not waited out."""
    where = TopicPartition(topic, 0)
    reader = await bus.reader({where: 9})
    with pytest.raises(HistoryLost, match="ends at 0, before 9"):
        await reader.read(timeout=5.0)
    await reader.close()


async def test_noted_positions_are_for_whoever_asks(bus: Bus, world: World, topic: str) -> None:
    """A group's positions are read by other clients; what was never noted is left out; the last word stands."""
    first, second = TopicPartition(topic, 0), TopicPartition(topic, 1)
    await bus.note_positions(f"g-{topic}", {first: 3})
    await bus.note_positions(f"g-{topic}", {first: 17})
    other = world.bus()
    assert await other.noted_positions(f"g-{topic}", [first, second]) == {first: 17}
    assert await other.noted_positions(f"nobody-{topic}", [first]) == {}
    await other.close()

"""Reading to the end, as a recovery does."""

from __future__ import annotations

from collections.abc import Sequence

from millrace.adapters.bus.port import Bus, Message, Record, TopicPartition


async def everything(bus: Bus, where: TopicPartition, start: int = 0) -> list[Record]:
    """Read a partition from a position until its end."""
    end = (await bus.end([where]))[where]
    reader = await bus.reader({where: start})
    records: list[Record] = []
    for _ in range(1_000):
        if reader.position(where) >= end:
            break
        records += (await reader.read(timeout=1.0)).get(where, [])
    assert reader.position(where) >= end
    await reader.close()
    return records


async def settle(bus: Bus, transactional_id: str) -> None:
    """Return when all that was committed under an id is readable.

    Kafka confirms a commit when it is decided; the markers that make it readable follow. A new owner waits for them.
    """
    await (await bus.transactional_writer(transactional_id)).close()


def values(records: Sequence[Record]) -> list[bytes | None]:
    return [record.value for record in records]


def numbered(topic: str, count: int, partition: int = 0) -> list[Message]:
    return [Message(topic, b"%d" % n, partition=partition) for n in range(count)]

"""A cluster in memory: what several `MemoryBus` clients share, and what is done to it on a bad day."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import deque
from collections.abc import Callable
from enum import Enum

from millrace.adapters.bus.partitioning import partition_for
from millrace.adapters.bus.port import Message, Record, TopicPartition
from millrace.domain.errors import NotReady


class Fault(Enum):
    """What happens to the next commit."""

    ABORTED = "the transaction is aborted; it may be sent again"
    KILLED = "the writer dies with its transaction open, as under SIGKILL"
    ANSWER_LOST = "the transaction is committed, but nobody hears of it"


class Log:
    """One partition. Each offset has a slot; a slot of `None` is a marker or a record that was aborted."""

    def __init__(self) -> None:
        self.start = 0
        self.slots: list[Record | None] = []
        self.open: dict[object, int] = {}

    @property
    def end(self) -> int:
        """The offset after the last slot."""
        return self.start + len(self.slots)

    @property
    def stable(self) -> int:
        """The offset before which no transaction is open."""
        return min(self.open.values(), default=self.end)

    def append(self, record: Record | None) -> int:
        """Add a slot; return its offset."""
        self.slots.append(record)
        return self.end - 1

    def cut(self, before: int) -> None:
        """Forget what is older than an offset."""
        gone = min(max(before - self.start, 0), len(self.slots))
        del self.slots[:gone]
        self.start += gone

    def readable(self, position: int) -> list[Record | None]:
        """Return the slots from a position up to the last stable offset."""
        return self.slots[position - self.start : self.stable - self.start]


class MemoryCluster:
    """What several buses share. `clock` gives the records' timestamps, in milliseconds."""

    def __init__(self, *, clock: Callable[[], int] | None = None) -> None:
        self.clock = clock or (lambda: time.time_ns() // 1_000_000)
        self.faults: deque[Fault] = deque()
        self._waiting: set[asyncio.Future[None]] = set()
        self.restart()

    def restart(self) -> None:
        """Lose everything, as a log that lives in memory does; come back as another cluster."""
        self.id = uuid.uuid4().hex
        self.topics: dict[str, list[Log]] = {}
        self.topic_ids: dict[str, str] = {}
        self.owners: dict[str, Transaction] = {}
        self.noted: dict[tuple[str, TopicPartition], int] = {}
        self.wake()

    def create(self, topic: str, partitions: int) -> None:
        """Make a topic unless it is there."""
        if topic not in self.topics:
            self.topics[topic] = [Log() for _ in range(partitions)]
            self.topic_ids[topic] = uuid.uuid4().hex

    def recreate(self, topic: str) -> None:
        """Delete a topic and make it anew, empty, under another id."""
        logs = self.topics.pop(topic)
        self.create(topic, len(logs))

    def cut(self, where: TopicPartition, before: int) -> None:
        """Let retention take what is older than an offset."""
        self.log(where).cut(before)

    def log(self, where: TopicPartition) -> Log:
        """Return one partition; raise `NotReady` when there is none."""
        logs = self.topics.get(where.topic)
        if logs is None or not 0 <= where.partition < len(logs):
            raise NotReady(f"there is no partition {where}: create the topic first")
        return logs[where.partition]

    def write(self, message: Message) -> tuple[Log, int]:
        """Append a message where it belongs; return the partition and the offset."""
        count = len(self.topics.get(message.topic, ()))
        where = TopicPartition(message.topic, partition_for(message, max(count, 1)))
        log = self.log(where)
        record = Record(*where, log.end, self.clock(), message.key, message.value, message.headers)
        return log, log.append(record)

    async def arrival(self, timeout: float) -> bool:
        """Wait until something is written anywhere; tell whether it was."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(waiter)
        try:
            async with asyncio.timeout(timeout):
                await waiter
        except TimeoutError:
            return False
        finally:
            self._waiting.discard(waiter)
        return True

    def wake(self) -> None:
        """Tell waiting readers to look again."""
        for waiter in list(self._waiting):
            if not waiter.done():
                waiter.set_result(None)


class Transaction:
    """An owner of a transactional id, and what its open transaction has written so far."""

    def __init__(self) -> None:
        self._written: dict[Log, list[int]] = {}

    def write(self, cluster: MemoryCluster, message: Message) -> int:
        """Append a message; it stays unreadable until the end of the transaction."""
        log, offset = cluster.write(message)
        log.open.setdefault(self, offset)
        self._written.setdefault(log, []).append(offset)
        return offset

    def end(self, *, keep: bool) -> None:
        """Commit or abort: a marker takes an offset in every partition written to."""
        for log, offsets in self._written.items():
            for offset in offsets if not keep else ():
                log.slots[offset - log.start] = None
            del log.open[self]
            log.append(None)
        self._written = {}

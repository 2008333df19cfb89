"""The log's twin in memory: transactions, fencing, markers that leave gaps in offsets, retention, cluster ids.

Several `MemoryBus` clients share one `MemoryCluster`. What Kafka does on a bad day is put into its `faults` or done to
it by name: `cut`, `recreate`, `restart`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from millrace.adapters.bus.memory_cluster import Fault, Log, MemoryCluster, Transaction
from millrace.adapters.bus.port import Message, Record, TopicPartition
from millrace.domain.errors import CommitFailed, Fenced, HistoryLost, Unreachable

__all__ = ["Fault", "MemoryBus", "MemoryCluster", "MemoryReader", "MemoryTransactionalWriter", "MemoryWriter"]


class MemoryReader:
    """Reads given partitions of a `MemoryCluster`."""

    def __init__(self, cluster: MemoryCluster, start: Mapping[TopicPartition, int]) -> None:
        self._cluster = cluster
        self._cluster_id = cluster.id
        self._positions = dict(start)
        self._order = deque(start)
        self._paused: set[TopicPartition] = set()

    async def read(self, *, timeout: float, max_records: int | None = None) -> dict[TopicPartition, list[Record]]:
        """Return what has come, by partition; empty, and early, when positions only moved past markers."""
        before = list(self._positions.values())
        found = self._take(max_records)
        moved = before != list(self._positions.values())
        if not moved and timeout > 0 and await self._cluster.arrival(timeout):
            found = self._take(max_records)
        return found

    def _take(self, limit: int | None) -> dict[TopicPartition, list[Record]]:
        self._order.rotate(-1)  # so that a busy partition cannot starve the others
        found: dict[TopicPartition, list[Record]] = {}
        for where in self._order:
            left = None if limit is None else limit - sum(map(len, found.values()))
            records = [] if where in self._paused or left == 0 else self._advance(where, left)
            if records:
                found[where] = records
        return found

    def _advance(self, where: TopicPartition, limit: int | None) -> list[Record]:
        taken: list[Record] = []
        position = self._positions[where]
        for slot in self._kept(where).readable(position):
            if slot is not None and len(taken) == limit:
                break
            if slot is not None:
                taken.append(slot)
            position += 1
        self._positions[where] = position
        return taken

    def _kept(self, where: TopicPartition) -> Log:
        if self._cluster.id != self._cluster_id:
            raise Unreachable("the log was restarted as another cluster: open a new reader")
        log, position = self._cluster.log(where), self._positions[where]
        if position < log.start:
            raise HistoryLost(f"records between {position} and {log.start} of {where} are gone")
        if position > log.end:
            raise HistoryLost(f"{where} ends at {log.end}, before {position}: it was cut short or made anew")
        return log

    def position(self, where: TopicPartition) -> int:
        """Return the next offset to be read."""
        return self._positions[where]

    def at_end(self, where: TopicPartition) -> bool:
        """Tell whether everything readable has been read."""
        return self._positions[where] >= self._cluster.log(where).stable

    def pause(self, where: Iterable[TopicPartition]) -> None:
        """Stop reading partitions for now."""
        self._paused.update(where)

    def resume(self, where: Iterable[TopicPartition]) -> None:
        """Go on reading paused partitions."""
        self._paused.difference_update(where)

    async def close(self) -> None:
        """Let go."""


class MemoryWriter:
    """Writes one message after another."""

    def __init__(self, cluster: MemoryCluster) -> None:
        self._cluster = cluster

    async def send(self, messages: Sequence[Message]) -> None:
        """Write messages."""
        for message in messages:
            self._cluster.write(message)
        self._cluster.wake()

    async def close(self) -> None:
        """Let go."""


class MemoryTransactionalWriter:
    """Writes whole batches for as long as nobody opens another writer under the same transactional id."""

    def __init__(self, cluster: MemoryCluster, transactional_id: str) -> None:
        self._cluster = cluster
        self._id = transactional_id
        self._spent = False
        self._transaction = Transaction()
        before = cluster.owners.get(transactional_id)
        if before is not None:
            before.end(keep=False)
        cluster.owners[transactional_id] = self._transaction
        cluster.wake()

    async def commit(self, outputs: Sequence[Message], entry: Message) -> int:
        """Write the outputs, then the entry; return the entry's offset."""
        if self._id not in self._cluster.owners or self._spent:
            raise CommitFailed(f"the writer {self._id} is spent: recover and open another", retriable=False)
        if self._cluster.owners[self._id] is not self._transaction:
            raise Fenced(f"another owner has taken over {self._id}")
        missing = {it.topic for it in (*outputs, entry)} - self._cluster.topics.keys()
        if missing:
            raise CommitFailed(f"nothing was sent: topic {', '.join(sorted(missing))} is unknown", retriable=True)
        fault = self._cluster.faults.popleft() if self._cluster.faults else None
        for message in outputs:
            self._transaction.write(self._cluster, message)
        offset = self._transaction.write(self._cluster, entry)
        self._finish(fault)
        return offset

    def _finish(self, fault: Fault | None) -> None:
        self._spent = fault in (Fault.KILLED, Fault.ANSWER_LOST)
        if fault is not Fault.KILLED:
            self._transaction.end(keep=fault is not Fault.ABORTED)
        self._cluster.wake()
        if fault is not None:
            raise CommitFailed(f"{self._id}: {fault.value}", retriable=fault is Fault.ABORTED)

    async def close(self) -> None:
        """Let go."""


class MemoryBus:
    """A client of a `MemoryCluster`; of one of its own, when none is given."""

    def __init__(self, cluster: MemoryCluster | None = None) -> None:
        self.cluster = cluster or MemoryCluster()

    async def cluster_id(self) -> str:
        """Return the cluster's id."""
        return self.cluster.id

    async def ensure_topics(self, topics: Mapping[str, int]) -> dict[str, int]:
        """Create topics that are missing; return how many partitions each has."""
        for topic, partitions in topics.items():
            self.cluster.create(topic, partitions)
        return {topic: len(self.cluster.topics[topic]) for topic in topics}

    async def partitions(self, topics: Sequence[str]) -> dict[str, int]:
        """Return how many partitions each topic has; 0 for one that is not there."""
        return {topic: len(self.cluster.topics.get(topic, ())) for topic in topics}

    async def topics(self) -> dict[str, int]:
        """Return the topics there are, with how many partitions each has."""
        return {topic: len(logs) for topic, logs in self.cluster.topics.items()}

    async def topic_ids(self, topics: Sequence[str]) -> dict[str, str]:
        """Return each topic's id."""
        return {topic: self.cluster.topic_ids.get(topic, "") for topic in topics}

    async def beginning(self, where: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the first offset kept."""
        return {it: self.cluster.log(it).start for it in where}

    async def end(self, where: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the offset after the last readable record."""
        return {it: self.cluster.log(it).stable for it in where}

    async def reader(self, start: Mapping[TopicPartition, int]) -> MemoryReader:
        """Open a reader."""
        return MemoryReader(self.cluster, start)

    async def writer(self) -> MemoryWriter:
        """Open a writer."""
        return MemoryWriter(self.cluster)

    async def transactional_writer(self, transactional_id: str) -> MemoryTransactionalWriter:
        """Open a transactional writer, fencing whoever held its id."""
        return MemoryTransactionalWriter(self.cluster, transactional_id)

    async def note_positions(self, group: str, positions: Mapping[TopicPartition, int]) -> None:
        """Keep positions under a group's name."""
        self.cluster.noted.update({(group, where): position for where, position in positions.items()})

    async def noted_positions(self, group: str, where: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the positions a group has noted."""
        noted = self.cluster.noted
        return {it: noted[group, it] for it in where if (group, it) in noted}

    async def close(self) -> None:
        """Let go."""

"""The log, as Millrace needs it: read by hand-assigned positions, write in transactions, one journal entry last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from millrace.domain.log import Headers, Message, Record, TopicPartition

__all__ = ["Bus", "Headers", "Message", "Reader", "Record", "TopicPartition", "TransactionalWriter", "Writer"]


class Reader(Protocol):
    """Reads partitions it was given, from positions it was given. Never moves on its own: a position outside what is
    kept raises `HistoryLost`."""

    async def read(self, *, timeout: float, max_records: int | None = None) -> dict[TopicPartition, list[Record]]:
        """Return what has come, by partition, in offset order; empty after `timeout` seconds without anything."""

    def position(self, where: TopicPartition) -> int:
        """Return the next offset to be read."""

    def at_end(self, where: TopicPartition) -> bool:
        """Tell whether everything known to be readable in a partition has been read (as of the newest fetch)."""

    def pause(self, where: Iterable[TopicPartition]) -> None:
        """Stop reading partitions for now, without losing a position."""

    def resume(self, where: Iterable[TopicPartition]) -> None:
        """Go on reading paused partitions."""

    async def close(self) -> None:
        """Let go."""


class Writer(Protocol):
    """Writes messages; keeps the order of one partition; idempotent."""

    async def send(self, messages: Sequence[Message]) -> None:
        """Write messages and wait until they are kept. Packs them in batches."""

    async def close(self) -> None:
        """Finish what is under way and let go."""


class TransactionalWriter(Protocol):
    """Writes whole batches: all of one, or nothing. Being opened, it fences whoever held its transactional id."""

    async def commit(self, outputs: Sequence[Message], entry: Message) -> int:
        """Write the outputs, then the entry, in one transaction; return the entry's offset.

        Raises `Fenced` when another owner has taken over; `CommitFailed(retriable=True)` when the transaction was
        aborted and the same call may be made again; `CommitFailed(retriable=False)` when nobody can know.
        """

    async def close(self) -> None:
        """Let go."""


class Bus(Protocol):
    """One Kafka cluster, or its twin in memory."""

    async def cluster_id(self) -> str:
        """Return the cluster's id; a log that lost everything has a new one."""

    async def ensure_topics(self, topics: Mapping[str, int]) -> dict[str, int]:
        """Create topics that are missing (name -> partitions wished for); return how many each has."""

    async def partitions(self, topics: Sequence[str]) -> dict[str, int]:
        """Return how many partitions each topic has, 0 for one that is not there. For readers: creates none."""

    async def topics(self) -> dict[str, int]:
        """Return the topics there are, as far as we may see them, with how many partitions each has. Creates none."""

    async def topic_ids(self, topics: Sequence[str]) -> dict[str, str]:
        """Return each topic's id where the broker has one, else an empty text."""

    async def beginning(self, where: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the first offset kept, by partition."""

    async def end(self, where: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the offset after the last readable (committed) record, by partition."""

    async def reader(self, start: Mapping[TopicPartition, int]) -> Reader:
        """Open a reader under `read_committed` at given positions."""

    async def writer(self) -> Writer:
        """Open an idempotent writer."""

    async def transactional_writer(self, transactional_id: str) -> TransactionalWriter:
        """Open a transactional writer; the transaction a dead predecessor left open is aborted before this returns."""

    async def note_positions(self, group: str, positions: Mapping[TopicPartition, int]) -> None:
        """Commit positions under a consumer group: for tools that show lag and for producers that hold back. The
        journal stays the truth."""

    async def noted_positions(self, group: str, where: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Return positions a group has committed; partitions without one are left out."""

    async def close(self) -> None:
        """Let go of every connection."""

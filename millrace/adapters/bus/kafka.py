"""The log on Kafka: real Apache Kafka, and the embedded log, which speaks its protocol but not all of it.

On the embedded log every topic has as many partitions as the log gives it, aborted records stay visible, and no
writer is fenced; the journal's chain is why that is bearable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from aiokafka import AIOKafkaConsumer, errors

from millrace.adapters.bus.kafka_link import FIRST, LAST, Link
from millrace.adapters.bus.kafka_reader import KafkaReader
from millrace.adapters.bus.kafka_security import Security, security_of
from millrace.adapters.bus.kafka_writer import KafkaTransactionalWriter, KafkaWriter, open_producer
from millrace.adapters.bus.port import TopicPartition
from millrace.domain.errors import Unreachable
from millrace.runtime.settings import Connections

_LONGEST_POLL_MS = 50
"""A partition that is taken up again waits for the fetch under way to come back: it had better not be long."""
_LONGEST_POLL_EMBEDDED_MS = 20
"""The embedded log waits a poll out even when records come."""


class KafkaBus:
    """A client of one cluster.

    `bootstrap` is the cluster's address or a function that returns it now: it is asked again at every connection.
    `patience` is how many seconds to wait for an answer before raising `Unreachable`. `security` is what TLS and a
    password need (`kafka_security.security_of`).
    """

    def __init__(
        self,
        bootstrap: Callable[[], str] | str,
        *,
        embedded: bool = False,
        client_id: str = "millrace",
        patience: float = 30.0,
        security: Security | None = None,
    ) -> None:
        self._bootstrap: Callable[[], str] = bootstrap if callable(bootstrap) else lambda: bootstrap
        self._embedded = embedded
        self._client_id = client_id
        self._patience = patience
        self._security = security or {}
        self._link = Link(
            self._bootstrap,
            client_id=client_id,
            creates_topics=embedded,
            patience=min(patience, 10.0),
            security=self._security,
        )

    @classmethod
    def of(cls, connections: Connections, client_id: str, patience: float) -> KafkaBus:
        """Return a client of the log that the settings name, spoken to as they say."""
        return cls(
            connections.bootstrap,
            embedded=connections.embedded_log,
            client_id=client_id,
            patience=patience,
            security=security_of(connections),
        )

    async def cluster_id(self) -> str:
        """Return the cluster's id."""
        return await self._link.cluster_id()

    async def ensure_topics(self, topics: Mapping[str, int]) -> dict[str, int]:
        """Create topics that are missing; return how many partitions each has."""
        found = await self._link.partitions(list(topics))
        missing = {topic: topics[topic] for topic, count in found.items() if not count}
        if missing:
            await self._link.create(missing)
            await self._link.offsets([TopicPartition(topic, 0) for topic in missing], FIRST)  # until it can be used
            found |= await self._link.partitions(list(missing))
        return found

    async def partitions(self, topics: Sequence[str]) -> dict[str, int]:
        """Return how many partitions each topic has; 0 for one that is not there (the embedded log makes it)."""
        return await self._link.partitions(topics)

    async def topics(self) -> dict[str, int]:
        """Return the topics there are, as far as we may see them, with how many partitions each has."""
        return await self._link.topics()

    async def topic_ids(self, topics: Sequence[str]) -> dict[str, str]:
        """Return each topic's id where the broker has one, else an empty text."""
        return await self._link.topic_ids(topics)

    async def beginning(self, where: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the first offset kept, by partition."""
        return await self._link.offsets(where, FIRST)

    async def end(self, where: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the offset after the last readable (committed) record, by partition."""
        return await self._link.offsets(where, LAST)

    async def reader(self, start: Mapping[TopicPartition, int]) -> KafkaReader:
        """Open a reader under `read_committed` at given positions."""
        address = self._bootstrap()
        consumer = AIOKafkaConsumer(
            bootstrap_servers=address,
            client_id=self._client_id,
            isolation_level="read_committed",
            auto_offset_reset="none",
            enable_auto_commit=False,
            check_crcs=not self._embedded,
            fetch_max_wait_ms=_LONGEST_POLL_EMBEDDED_MS if self._embedded else _LONGEST_POLL_MS,
            request_timeout_ms=int(self._patience * 1000),
            **self._security,
        )
        try:
            await consumer.start()
        except (errors.KafkaError, OSError) as failure:
            await consumer.stop()
            raise Unreachable(f"the log at {address} does not take a reader: {failure!r}") from failure
        return KafkaReader(consumer, start, self._link, partial(self._moved_from, address))

    def _moved_from(self, address: str) -> str | None:
        now = self._bootstrap()
        return None if now == address else f"the log moved from {address} to {now}: open a new reader"

    async def writer(self) -> KafkaWriter:
        """Open an idempotent writer."""
        opening = partial(self._producer, None)
        return KafkaWriter(opening, self._patience, await opening())

    async def transactional_writer(self, transactional_id: str) -> KafkaTransactionalWriter:
        """Open a transactional writer; what a dead predecessor left open is aborted before this returns."""
        producer = await self._producer(transactional_id)
        return KafkaTransactionalWriter(producer, transactional_id, self._patience)

    async def _producer(self, transactional_id: str | None) -> object:
        return await open_producer(self._bootstrap(), self._client_id, self._patience, transactional_id, self._security)

    async def note_positions(self, group: str, positions: Mapping[TopicPartition, int]) -> None:
        """Commit positions under a consumer group."""
        await self._link.note(group, positions)

    async def noted_positions(self, group: str, where: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Return positions a group has committed."""
        return await self._link.noted(group, where)

    async def close(self) -> None:
        """Let go of the shared connection; readers and writers are closed by whoever opened them."""
        await self._link.close()

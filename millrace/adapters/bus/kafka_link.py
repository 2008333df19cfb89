"""One connection to a cluster for everything that is neither reading nor writing records.

It survives what a log goes through: a broker that restarts, and an embedded log that comes back at another address.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from aiokafka import errors
from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.protocol.admin import CreateTopicsRequest
from aiokafka.protocol.commit import OffsetCommitRequest, OffsetFetchRequest
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.offset import OffsetRequest

from millrace.adapters.bus.kafka_security import Security
from millrace.adapters.bus.kafka_topic_ids import TopicIdsRequest, ids_by_topic
from millrace.adapters.bus.port import TopicPartition
from millrace.domain.errors import MillraceError, NotReady, Unreachable

Answer = TypeVar("Answer")
Client = Any
"""An `AIOKafkaClient`, which has no types."""

FIRST, LAST = -2, -1
_READ_COMMITTED = 1
_PAUSE = 0.1
_ALREADY_THERE = 36
_UNKNOWN_TOPIC = 3


class Link:
    """Asks a cluster things, and asks again for up to `patience` seconds while the answer is "not now".

    Raises `Unreachable` when patience ends, naming the last reason.
    """

    def __init__(
        self,
        bootstrap: Callable[[], str],
        *,
        client_id: str,
        creates_topics: bool,
        patience: float,
        security: Security,
    ) -> None:
        self._bootstrap = bootstrap
        self._client_id = client_id
        self._creates_topics = creates_topics
        self._patience = patience
        self._security = security
        self._client: Client | None = None
        self._address = ""
        self._opening = asyncio.Lock()

    async def cluster_id(self) -> str:
        """Return the cluster's id."""
        return str((await self._ask(lambda client: _send(client, MetadataRequest([])))).cluster_id)

    async def partitions(self, topics: Sequence[str]) -> dict[str, int]:
        """Return how many partitions each topic has; 0 for a topic that is not there."""
        leaders = await self._ask(lambda client: self._leaders(client, topics))
        return {topic: len(leaders[topic]) for topic in topics}

    async def topics(self) -> dict[str, int]:
        """Return every topic we may see with how many partitions it has; none is made by asking."""
        response = await self._ask(lambda client: _send(client, MetadataRequest(None, False)))
        return {topic: len(partitions) for error, topic, _, partitions in response.topics if not error}

    async def create(self, topics: Mapping[str, int]) -> None:
        """Create topics with so many partitions each; one that is there already stays as it is."""
        await self._ask(lambda client: _create(client, topics))

    async def topic_ids(self, topics: Sequence[str]) -> dict[str, str]:
        """Return topic ids, an empty text for a topic or a broker without."""
        try:
            response = await self._ask(lambda client: _send(client, TopicIdsRequest(list(topics))))
        except NotImplementedError:
            return dict.fromkeys(topics, "")
        found = ids_by_topic(response)
        return {topic: found.get(topic, "") for topic in topics}

    async def offsets(self, where: Sequence[TopicPartition], which: int) -> dict[TopicPartition, int]:
        """Return each partition's `FIRST` offset kept or `LAST` readable one, plus one, under read_committed."""
        if not where:
            return {}
        return await self._ask(lambda client: self._offsets(client, where, which))

    async def note(self, group: str, positions: Mapping[TopicPartition, int]) -> None:
        """Commit positions under a group, without being a member of it."""
        if positions:
            await self._ask(lambda client: _note(client, group, positions))

    async def noted(self, group: str, where: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the positions committed under a group."""
        return await self._ask(lambda client: _noted(client, group, where))

    async def close(self) -> None:
        """Let go of the connection."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _ask(self, question: Callable[[Client], Awaitable[Answer]]) -> Answer:
        deadline = asyncio.get_running_loop().time() + self._patience
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    return await question(await self._connected())
            except (errors.KafkaError, OSError, NotReady) as failure:
                await self._recover(failure)
                if asyncio.get_running_loop().time() + _PAUSE > deadline:
                    raise self._given_up(failure) from failure
            await asyncio.sleep(_PAUSE)

    async def _recover(self, failure: Exception) -> None:
        """Return when asking again may help; raise when it cannot."""
        if isinstance(failure, errors.KafkaConnectionError | errors.NodeNotReadyError | OSError):
            await self.close()
        elif not isinstance(failure, NotReady) and not failure.retriable:  # type: ignore[attr-defined]
            raise Unreachable(f"the log at {self._address} refuses: {failure!r}") from failure

    def _given_up(self, failure: Exception) -> MillraceError:
        if isinstance(failure, NotReady):
            return failure
        return Unreachable(f"the log at {self._address} does not answer within {self._patience:g} s: {failure!r}")

    async def _connected(self) -> Client:
        async with self._opening:
            address = self._bootstrap()
            if self._client is not None and address != self._address:
                await self.close()
            if self._client is None:
                self._address = address
                self._client = await self._open(address)
            return self._client

    async def _open(self, address: str) -> Client:
        client = AIOKafkaClient(
            bootstrap_servers=address,
            client_id=self._client_id,
            request_timeout_ms=max(1, int(self._patience * 1000)),
            **self._security,
        )
        try:
            await client.bootstrap()
        except BaseException:
            await client.close()
            raise
        return client

    async def _leaders(self, client: Client, topics: Sequence[str]) -> dict[str, dict[int, int]]:
        """Return the node that leads each partition; nothing for a topic that is not there."""
        response = await _send(client, MetadataRequest(list(topics), self._creates_topics))
        found: dict[str, dict[int, int]] = {}
        for error, topic, _, partitions in response.topics:
            if error not in (0, _UNKNOWN_TOPIC):
                raise errors.for_code(error)(topic)
            found[topic] = {partition: leader for _, partition, leader, *_ in partitions}
            if -1 in found[topic].values():
                raise errors.LeaderNotAvailableError(topic)
        return found

    async def _offsets(self, client: Client, where: Sequence[TopicPartition], which: int) -> dict[TopicPartition, int]:
        leaders = await self._leaders(client, sorted({it.topic for it in where}))
        by_node: dict[int, dict[str, list[tuple[int, int]]]] = defaultdict(lambda: defaultdict(list))
        for it in where:
            if it.partition not in leaders[it.topic]:
                raise NotReady(f"there is no partition {it}: create the topic first")
            by_node[leaders[it.topic][it.partition]][it.topic].append((it.partition, which))
        found: dict[TopicPartition, int] = {}
        for node, topics in by_node.items():
            response = await client.send(node, OffsetRequest(-1, _READ_COMMITTED, list(topics.items())))
            for topic, partitions in response.topics:
                for partition, error, _, offset in partitions:
                    _check(error, topic)
                    found[TopicPartition(topic, partition)] = offset
        return found


async def _send(client: Client, request: Any) -> Any:
    node = client.get_random_node()
    if node is None:
        raise errors.NodeNotReadyError("no broker is known")
    return await client.send(node, request)


async def _create(client: Client, topics: Mapping[str, int]) -> None:
    metadata = await _send(client, MetadataRequest([]))
    copies = min(3, len(metadata.brokers))
    wished: list[object] = [(topic, partitions, copies, [], []) for topic, partitions in topics.items()]
    response = await client.send(metadata.controller_id, CreateTopicsRequest(wished, 10_000, False))
    for topic, error, message in response.topic_errors:
        if error != _ALREADY_THERE:
            _check(error, f"{topic}: {message}")


async def _note(client: Client, group: str, positions: Mapping[TopicPartition, int]) -> None:
    node = await client.coordinator_lookup(CoordinationType.GROUP, group)
    topics: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    for where, position in positions.items():
        topics[where.topic].append((where.partition, position, ""))
    response = await client.send(node, OffsetCommitRequest(group, -1, "", -1, list(topics.items())))
    for topic, partitions in response.topics:
        for _, error in partitions:
            _check(error, topic)


async def _noted(client: Client, group: str, where: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
    node = await client.coordinator_lookup(CoordinationType.GROUP, group)
    topics: dict[str, list[int]] = defaultdict(list)
    for it in where:
        topics[it.topic].append(it.partition)
    response = await client.send(node, OffsetFetchRequest(group, list(topics.items())))
    found: dict[TopicPartition, int] = {}
    for topic, partitions in response.topics:
        for partition, offset, _, error in partitions:
            _check(error, topic)
            if offset >= 0:
                found[TopicPartition(topic, partition)] = offset
    return found


def _check(error: int, about: str) -> None:
    if error:
        raise errors.for_code(error)(about)

"""Writing to Kafka: in packed batches, idempotent, or whole transactions."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer, errors

from millrace.adapters.bus.kafka_security import Security
from millrace.adapters.bus.partitioning import partition_for
from millrace.adapters.bus.port import Message, TopicPartition
from millrace.domain.errors import CommitFailed, Fenced, MillraceError, NotReady, Refused, Unreachable

MAX_BATCH = 1_000_000
"""Bytes in one packed batch; a broker takes 1,048,588 unless told otherwise."""
_LET_GO = 5.0

Producer = Any
"""An `AIOKafkaProducer`, which has no types."""
Batches = dict[TopicPartition, list[Any]]


async def open_producer(
    address: str, client_id: str, patience: float, transactional_id: str | None, security: Security
) -> Producer:
    """Connect a producer; raise `Unreachable` when the log does not answer within `patience` seconds."""
    producer = AIOKafkaProducer(
        bootstrap_servers=address,
        client_id=client_id,
        enable_idempotence=True,
        transactional_id=transactional_id,
        max_batch_size=MAX_BATCH,
        max_request_size=MAX_BATCH + 10_000,
        request_timeout_ms=int(patience * 1000),
        **security,
    )
    try:
        async with asyncio.timeout(patience):
            await producer.start()
    except (errors.KafkaError, OSError) as failure:  # a TimeoutError is an OSError
        await producer.stop()
        raise Unreachable(f"the log at {address} does not take a writer: {failure!r}") from failure
    except BaseException:
        await producer.stop()
        raise
    return producer


async def let_go(producer: Producer) -> None:
    """Close a producer; when the log is gone, do not wait for ever."""
    try:
        async with asyncio.timeout(_LET_GO):
            await producer.stop()
    except (errors.KafkaError, TimeoutError):
        # What is left is aiokafka's sender, which goes on as long as a record is unsent: there is no public way.
        sender = producer._sender.sender_task  # noqa: SLF001
        if sender is not None:
            sender.cancel()
        await producer.client.close()
    _hear_out(producer)


def _hear_out(producer: Producer) -> None:
    """Take note of what aiokafka told futures that only it holds.

    Whoever was fenced has been told; unheard, each of them would log a traceback once more when it is collected.
    """
    waiting = [it._drain_waiter for line in producer._message_accumulator._batches.values() for it in line]  # noqa: SLF001
    if producer._txn_manager.transactional_id is not None:  # noqa: SLF001
        waiting.append(producer._txn_manager.wait_for_transaction_end())  # noqa: SLF001
    for future in waiting:
        if future is not None and future.done() and not future.cancelled():
            future.exception()


async def pack(producer: Producer, messages: Sequence[Message]) -> Batches:
    """Pack messages into batches by partition, in order; raise `Refused` for one that no batch can hold."""
    now = time.time_ns() // 1_000_000
    counts = {topic: await _partitions(producer, topic) for topic in {it.topic for it in messages}}
    batches: Batches = {}
    for message in messages:
        where = TopicPartition(message.topic, partition_for(message, counts[message.topic]))
        line = batches.setdefault(where, [])
        if not line or not _append(line[-1], message, now):
            line.append(producer.create_batch())
            _append(line[-1], message, now)
            if line[-1].size() > MAX_BATCH:  # the first record of a batch is taken whatever its size
                raise Refused(
                    f"a record of {line[-1].size()} bytes for {where} is too large: at most {MAX_BATCH}",
                    kind="too-large",
                )
    return batches


async def _partitions(producer: Producer, topic: str) -> int:
    try:
        return len(await producer.partitions_for(topic))
    except errors.UnknownTopicOrPartitionError as failure:
        raise NotReady(f"topic {topic} is unknown: it was not created, or the log does not answer") from failure


def _append(batch: Any, message: Message, now: int) -> bool:
    added = batch.append(timestamp=now, key=message.key, value=message.value, headers=list(message.headers))
    return added is not None


async def deliver(producer: Producer, batches: Batches) -> None:
    """Send packed batches and wait until all are kept; raise the first failure once none is under way."""
    lines = [_deliver_line(producer, where, line) for where, line in batches.items()]
    for outcome in await asyncio.gather(*lines, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome


async def _deliver_line(producer: Producer, where: TopicPartition, line: Sequence[Any]) -> None:
    for batch in line:
        await (await producer.send_batch(batch, where.topic, partition=where.partition))


class KafkaWriter:
    """An idempotent writer.

    `send` raises `Unreachable` when the log does not confirm in time; what was sent may or may not have been kept.
    """

    def __init__(self, opening: Callable[[], Any], patience: float, producer: Producer) -> None:
        self._open = opening
        self._patience = patience
        self._producer: Producer | None = producer
        self._in_turn = asyncio.Lock()

    async def send(self, messages: Sequence[Message]) -> None:
        """Write messages and wait until they are kept."""
        async with self._in_turn:
            if self._producer is None:
                self._producer = await self._open()
            try:
                async with asyncio.timeout(self._patience):
                    await deliver(self._producer, await pack(self._producer, messages))
            except (errors.KafkaError, OSError) as failure:
                await self._replace()
                raise Unreachable(f"{len(messages)} records were not confirmed: {failure!r}") from failure

    async def _replace(self) -> None:
        """Give the producer up: after a failure its sequence numbers no longer match the broker's."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await let_go(producer)

    async def close(self) -> None:
        """Finish what is under way and let go."""
        async with self._in_turn:
            await self._replace()


class KafkaTransactionalWriter:
    """Writes whole batches under one transactional id.

    After `Fenced`, or `CommitFailed` that is not retriable, it is spent and refuses everything.
    """

    def __init__(self, producer: Producer, transactional_id: str, patience: float) -> None:
        self._producer = producer
        self._id = transactional_id
        self._patience = patience
        self._spent = False

    async def commit(self, outputs: Sequence[Message], entry: Message) -> int:
        """Write the outputs, then the entry, in one transaction; return the entry's offset."""
        if self._spent:
            raise CommitFailed(f"the writer {self._id} is spent: recover and open another", retriable=False)
        batches, last = await self._packed(outputs, entry)
        self._spent = True  # until the outcome is known: a cancelled task leaves the transaction open
        await self._producer.begin_transaction()
        delivery = asyncio.ensure_future(self._deliver(batches, last))
        try:
            async with asyncio.timeout(self._patience):
                offset = await asyncio.shield(delivery)
        except (errors.KafkaError, OSError) as failure:
            raise await self._back_out(failure, delivery) from failure
        await self._conclude()
        self._spent = False
        return offset

    async def _packed(self, outputs: Sequence[Message], entry: Message) -> tuple[Batches, Batches]:
        try:
            return await pack(self._producer, outputs), await pack(self._producer, [entry])
        except (errors.KafkaError, NotReady) as failure:
            raise CommitFailed(f"nothing was sent: {failure!r}", retriable=True) from failure

    async def _deliver(self, batches: Batches, entry: Batches) -> int:
        await deliver(self._producer, batches)
        [(where, [batch])] = entry.items()
        sent = await (await self._producer.send_batch(batch, where.topic, partition=where.partition))
        if sent.offset < 0:  # a retry found the record there, and the broker no longer knew where
            raise errors.DuplicateSequenceNumber(str(where))
        return int(sent.offset)

    async def _conclude(self) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await self._producer.commit_transaction()
        except errors.ProducerFenced as failure:
            raise self._fenced() from failure
        except (errors.KafkaError, OSError) as failure:
            raise CommitFailed(f"nobody knows whether {self._id} committed: {failure!r}", retriable=False) from failure

    async def _back_out(self, failure: Exception, delivery: asyncio.Future[int]) -> MillraceError:
        """Abort, and say what may be done next.

        The same records may be sent again by this writer only if the broker has taken all that this producer numbered:
        after a batch that failed, the numbers of the next would be refused.
        """
        if isinstance(failure, errors.ProducerFenced):
            return self._fenced()
        try:
            async with asyncio.timeout(self._patience):
                whole = isinstance(failure, TimeoutError) and await _ended_well(delivery)
                await self._producer.abort_transaction()
        except errors.ProducerFenced:
            return self._fenced()
        except (errors.KafkaError, OSError, AssertionError) as second:  # it asserts when its sender has died
            await _forget(delivery)
            return CommitFailed(
                f"{self._id} was neither committed nor aborted: {failure!r}, {second!r}", retriable=False
            )
        self._spent = not whole
        return CommitFailed(f"{self._id} was aborted: {failure!r}", retriable=whole)

    def _fenced(self) -> Fenced:
        return Fenced(f"another owner has taken over {self._id}, or its transaction outlived the broker's patience")

    async def close(self) -> None:
        """Let go; a transaction left open is aborted by the next owner, or by the broker's own time-out."""
        await let_go(self._producer)


async def _ended_well(delivery: asyncio.Future[int]) -> bool:
    """Wait for late acknowledgements, and tell whether all came."""
    await asyncio.wait([delivery])
    return not delivery.cancelled() and delivery.exception() is None


async def _forget(delivery: asyncio.Future[int]) -> None:
    delivery.cancel()
    with contextlib.suppress(asyncio.CancelledError, errors.KafkaError):
        await delivery

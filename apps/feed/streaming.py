"""The feed's Faust application: one agent a topic, and a consumer that goes where the views want it.

Faust's own consumer is close to what is needed; what is not is changed here, each with its reason. Its tables are not used
(docs/adr/0008): the windows are our own.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import aiokafka
import faust
from faust import auth
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from apps.feed.standing import Standing
from millrace.adapters.bus.kafka_security import Security, security_of
from millrace.adapters.schemas.table import SchemaTable
from millrace.domain.log import Record, TopicPartition
from millrace.runtime.settings import Connections

_LONGEST_POLL_MS = 50
_LONGEST_POLL_EMBEDDED_MS = 20
"""Faust waits 1.5 s, which the embedded log waits out even when records come."""
_NEVER = 10.0**8
"""Seconds, some three years."""
SESSION = 10.0
"""Seconds after which the log takes a feed that was killed for gone."""

Start = Mapping[TopicPartition, int]


class FeedApp(faust.App):  # type: ignore[misc]  # Faust is not followed by the checker
    """An application that says itself where partitions are read from: its group commits nothing."""

    begin_at: Callable[[TopicPartition], int]
    embedded: bool
    assigned: frozenset[TopicPartition] = frozenset()

    def partition(self, where: TopicPartition) -> Any:
        """Return a partition as Faust's consumer names it."""
        return TP(*where)

    def _new_transport(self) -> Any:
        return _Transport(self.conf.broker_consumer, self)


class _Thread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]  # Faust is not followed by the checker
    """Reads committed records only, from where the views begin."""

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        # Both are read when the consumer starts; Faust has no setting for either.
        consumer._isolation_level = "read_committed"  # noqa: SLF001
        consumer._fetch_max_wait_ms = (  # noqa: SLF001
            _LONGEST_POLL_EMBEDDED_MS if self.app.embedded else _LONGEST_POLL_MS
        )
        return consumer


class _Consumer(driver.Consumer):  # type: ignore[misc]  # Faust is not followed by the checker
    def _new_consumer_thread(self) -> _Thread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    async def seek_to_committed(self) -> dict[Any, int]:
        """Go where the views begin, or where they are after a rebalance."""
        app = self.app
        app.assigned = frozenset(TopicPartition(it.topic, it.partition) for it in self.assignment())
        found = {it: app.begin_at(TopicPartition(it.topic, it.partition)) for it in self.assignment()}
        for where, offset in found.items():
            await self._thread.seek_wait({where: offset})
        return found


class _Transport(driver.Transport):  # type: ignore[misc]  # Faust is not followed by the checker
    Consumer = _Consumer


def feed_app(
    settings: Connections, standings: Sequence[tuple[Standing, SchemaTable | None]], start: Start, folder: Path
) -> FeedApp:
    """Return the application that reads the topics of some use cases into their views.

    Faust makes folders for its tables, of which there are none: in `folder`, and not where the process happens to run.
    """
    app = FeedApp(
        # A group of its own each time: two feeds do not share partitions, each has whole views. It commits nothing, and
        # a group without members and positions is forgotten by the log.
        f"{settings.topic_prefix}millrace.feed.{secrets.token_hex(4)}",
        broker=[f"kafka://{it}" for it in settings.bootstrap().split(",")],
        broker_credentials=_credentials(security_of(settings)),
        broker_check_crcs=not settings.embedded_log,
        broker_commit_interval=_NEVER,
        broker_session_timeout=SESSION,
        broker_heartbeat_interval=SESSION / 4,
        topic_allow_declare=False,
        topic_disable_leader=True,
        stream_wait_empty=False,
        web_enabled=False,
        store="memory://",
        datadir=folder,
        autodiscover=False,
    )
    app.embedded, app.begin_at = settings.embedded_log, _begin_at([it for it, _ in standings], start)
    for standing, schemas in standings:
        for topic in standing.topics:
            _agent(app, topic, standing, schemas)
    return app


def _begin_at(standings: Sequence[Standing], start: Start) -> Callable[[TopicPartition], int]:
    """Return where a partition is read from: where the views begin, or, after a rebalance, where they are."""

    def begin_at(where: TopicPartition) -> int:
        taken = min(it.position(where) for it in standings if where.topic in it.topics)
        return max(start.get(where, 0), taken)

    return begin_at


def _agent(app: FeedApp, topic: str, standing: Standing, schemas: SchemaTable | None) -> None:
    channel = app.topic(topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")

    async def agent(stream: Any) -> None:
        async for event in stream.events():
            record = _record(event.message)
            if schemas is not None:  # the trainer waits for what they do not explain; who looks on passes it over
                await schemas.explain({TopicPartition(record.topic, record.partition): [record]})
            standing.take(record)

    app.agent(channel, name=f"{standing.use_case.name}: {topic}")(agent)


def _record(it: Any) -> Record:
    return Record(it.topic, it.partition, it.offset, int(it.timestamp * 1_000), it.key, it.value)


def _credentials(security: Security) -> Any:
    """Return what Faust asks for instead of aiokafka's arguments."""
    if "sasl_mechanism" in security:
        return auth.SASLCredentials(
            username=security["sasl_plain_username"],
            password=security["sasl_plain_password"],
            ssl_context=security.get("ssl_context"),
            mechanism=security["sasl_mechanism"],
        )
    return auth.SSLCredentials(security["ssl_context"]) if "ssl_context" in security else None

"""The feed as a service: reads what is published about its use cases, and writes their live views to the online store."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import structlog
from mode import Service

from apps.feed.settings import FeedSettings
from apps.feed.standing import Bounds, Standing
from apps.feed.streaming import FeedApp, Start, feed_app
from millrace.adapters.bus.port import Bus, TopicPartition
from millrace.adapters.online.port import OnlineStore
from millrace.adapters.schemas.table import SchemaTable, kept_schemas
from millrace.domain.errors import HistoryLost, MillraceError, NotReady, Unreachable
from millrace.domain.usecase import AnyUseCase
from millrace.runtime.health import Health
from millrace.runtime.telemetry import METRICS

log = structlog.get_logger()

_AGAIN_AFTER = 1.0
_LOOK_AT_LOG = 5.0
"""Seconds between two looks how far the log goes, and whether it is still the same one."""
_LOOKS = 3
"""Looks in a row that the log may leave without an answer."""


@dataclass
class Shown:
    """One use case: its views as they stand, where its topics are, and what is left to read of what was there."""

    standing: Standing
    schemas: SchemaTable | None
    where: list[TopicPartition] = field(default_factory=list)
    left: dict[TopicPartition, int] = field(default_factory=dict)
    before: dict[TopicPartition, int] = field(default_factory=dict)
    written: int = 0

    @property
    def name(self) -> str:
        """The use case's name."""
        return self.standing.use_case.name


class FeedService(Service):
    """Rebuilds the views from the newest records of the log, then keeps them.

    When the log becomes another one it ends with `HistoryLost`: started again, it begins anew.
    """

    def __init__(
        self, settings: FeedSettings, health: Health, use_cases: Sequence[AnyUseCase], bus: Bus, online: OnlineStore
    ) -> None:
        super().__init__()
        self._settings = settings
        self._health = health
        self._bus = bus
        self._online = online
        bounds = _bounds(settings)
        self.shown = [_shown(settings, use_case, bounds) for use_case in use_cases]
        self._app: FeedApp | None = None
        self._cluster = ""
        self._unanswered = 0
        for shown in self.shown:
            for outcome in ("written", "failed"):  # shown at zero, or the first of them would be no rise
                METRICS.feed_writes.labels(shown.name, outcome)
        health.not_ready("log", "not read yet")
        health.details = lambda: {"taken": {it.name: it.standing.taken for it in self.shown}}

    @Service.task
    async def feed(self) -> None:
        """Read and write for as long as the process lives."""
        self._health.ready()
        start = await self._start()
        with tempfile.TemporaryDirectory(prefix="millrace-feed-") as folder:
            await self._begin(start, Path(folder))
            await self._keep_writing()

    async def _begin(self, start: Start, folder: Path) -> None:
        standings = [(it.standing, it.schemas) for it in self.shown]
        app = self._app = feed_app(self._settings, standings, start, folder)
        app.finalize()
        await self.add_runtime_dependency(app)
        self._health.ready("log")
        log.info("live views begin", use_cases=[it.name for it in self.shown], partitions=len(start))

    async def on_stop(self) -> None:
        """Write what was taken last, and let go."""
        for shown in self.shown:
            await self._write(shown)
        await self._bus.close()
        await self._online.close()

    async def _start(self) -> Start:
        """Return where reading begins, once all topics are there."""
        while True:
            self._health.beat("feed")
            try:
                return await self._found()
            except MillraceError as error:
                self._health.not_ready("log", str(error))
            await asyncio.sleep(_AGAIN_AFTER)

    async def _found(self) -> Start:
        self._cluster = await self._bus.cluster_id()
        found: dict[TopicPartition, int] = {}
        for shown in self.shown:
            counts = await self._bus.partitions(shown.standing.topics)
            missing = [topic for topic, count in counts.items() if not count]
            if missing:
                raise NotReady(f"there is no topic {', '.join(missing)} yet")
            shown.where = [TopicPartition(topic, n) for topic, count in counts.items() for n in range(count)]
            first, after = await self._bus.beginning(shown.where), await self._bus.end(shown.where)
            start = {it: max(first[it], after[it] - self._settings.feed_records) for it in shown.where}
            shown.left = {it: after[it] for it in shown.where if after[it] > start[it]}
            found |= start
        return found

    async def _keep_writing(self) -> None:
        now = asyncio.get_running_loop().time
        due = now()
        while True:
            self._health.beat("feed")
            if now() >= due:
                due = now() + _LOOK_AT_LOG
                await self._look_at_log()
            for shown in self.shown:
                await self._see_what_is_left(shown)
                await self._write(shown)
            self._say_what_is_left()
            await asyncio.sleep(self._settings.feed_interval)

    async def _see_what_is_left(self, shown: Shown) -> None:
        """Take what is read off what was there at the start; a partition may end with markers that are no records."""
        for where, end in list(shown.left.items()):
            position = shown.standing.position(where)
            idle = position == shown.before.get(where)
            if position >= end or (idle and await self._fetched(where) >= end):
                del shown.left[where]
            shown.before[where] = position

    def _say_what_is_left(self) -> None:
        left = sum(len(shown.left) for shown in self.shown)
        if left:
            self._health.not_ready("views", f"they are being rebuilt: {left} partitions are not read to their end yet")
        else:
            self._health.ready("views")

    async def _fetched(self, where: TopicPartition) -> int:
        """Return how far the log's records, markers among them, have come to this process."""
        if self._app is None or where not in self._app.assigned:
            return 0
        return await self._app.consumer.position(self._app.partition(where)) or 0

    async def _write(self, shown: Shown) -> None:
        """Write the views where they have changed; while they are being rebuilt, those written before are better."""
        taken = shown.standing.taken
        if taken == shown.written or shown.left or not shown.where:
            return
        views = msgspec.json.encode(shown.standing.shown(datetime.now(UTC)))
        try:
            await self._online.show(f"{self._settings.topic_prefix}{shown.name}", views)
        except Unreachable as error:
            METRICS.feed_writes.labels(shown.name, "failed").inc()
            self._health.not_ready("online store", str(error))
            return
        METRICS.feed_records.labels(shown.name).inc(taken - shown.written)
        METRICS.feed_writes.labels(shown.name, "written").inc()
        METRICS.feed_bytes.labels(shown.name).set(len(views))
        self._health.ready("online store")
        shown.written = taken

    async def _look_at_log(self) -> None:
        """See how far the log goes; raise `HistoryLost` when it is another one, or gone."""
        try:
            cluster = await self._bus.cluster_id()
            for shown in self.shown:
                taken = {where: shown.standing.position(where) for where in shown.where}
                ends = await self._bus.end(shown.where)
                _refuse_cut(taken, ends)
                behind = [max(0, end - await self._fetched(where)) for where, end in ends.items()]
                METRICS.feed_lag.labels(shown.name).set(sum(behind))
            self._unanswered = 0
        except HistoryLost:
            raise
        except MillraceError as error:
            self._unanswered += 1
            self._health.not_ready("log", str(error))
            if self._unanswered >= _LOOKS:
                raise
            return
        self._health.ready("log")
        if cluster != self._cluster:
            raise HistoryLost(f"the log is another one now: {cluster}, before {self._cluster}; live views begin anew")


def _refuse_cut(taken: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]) -> None:
    for where, end in ends.items():
        if end < taken[where]:
            raise HistoryLost(f"{where} ends at {end}, before {taken[where]}: it was cut short or made anew")


def _bounds(settings: FeedSettings) -> Bounds:
    return Bounds(
        minutes=settings.feed_minutes,
        hours=settings.feed_hours,
        segments=settings.feed_segments,
        segments_shown=settings.feed_segments_shown,
        remembered=settings.feed_remembered,
        newest=settings.feed_newest,
    )


def _shown(settings: FeedSettings, use_case: AnyUseCase, bounds: Bounds) -> Shown:
    schemas = kept_schemas(settings, use_case)
    return Shown(Standing(use_case, bounds, schemas), schemas)

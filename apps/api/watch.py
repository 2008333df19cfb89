"""Reads what is published about one use case, for as long as the process lives, wherever the log may be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from itertools import chain

import structlog

from apps.api.board import Board
from apps.api.recent import Recent
from millrace.adapters.bus.port import Bus, Reader, TopicPartition
from millrace.adapters.schemas.table import SchemaTable
from millrace.domain.errors import HistoryLost, MillraceError, NotReady, Unreachable

log = structlog.get_logger()

_AGAIN_AFTER = 1.0
_LOOK_AT_LOG = 5.0
"""Seconds between two looks whether the log is still the one that is read."""
_LONGEST = 15.0
"""Seconds the log may take for anything: a client of it may wait for ever for one that is gone."""
_AT_ONCE = 500
"""Records taken between two chances for a request to be answered."""


class Watch:
    """Keeps a board filled. While the log is away the board stays as it is."""

    def __init__(
        self,
        board: Board,
        bus: Bus,
        newest: Mapping[str, int],
        beat: Callable[[], None],
        schemas: SchemaTable | None = None,
        recent: Recent | None = None,
    ) -> None:
        """Read at most the `newest` records of a topic's partition that has more; of other topics, all."""
        self._board = board
        self._bus = bus
        self._newest = newest
        self._beat = beat
        self._schemas = schemas
        self._recent = recent
        self._cluster = ""
        self._positions: dict[TopicPartition, int] = {}
        self.trouble: str | None = "not read yet"

    async def run(self) -> None:
        """Read, for ever."""
        while True:
            try:
                await self._read_until_trouble()
            except HistoryLost as error:
                self._positions = {}
                if self._recent is not None:
                    self._recent.lost()
                self._begins(error)
            except MillraceError as error:
                self._begins(error)
            self._beat()
            await asyncio.sleep(_AGAIN_AFTER)

    async def _read_until_trouble(self) -> None:
        async with _in_time("to be found"):
            start = await self._where_to_go_on()
        async with _in_time("to take a reader"):
            reader = await self._bus.reader(start)
        try:
            self._over()
            await self._read(reader)
        finally:
            async with _in_time("to let a reader go"):
                await reader.close()

    async def _read(self, reader: Reader) -> None:
        now = asyncio.get_running_loop().time
        due = now() + _LOOK_AT_LOG
        while True:
            self._beat()
            async with _in_time("to be read"):
                found = await reader.read(timeout=0.25, max_records=_AT_ONCE)
            if self._schemas is not None:  # the trainer waits for what they do not explain; who looks on passes it over
                await self._schemas.explain(found)
            for record in chain.from_iterable(found.values()):
                told = self._board.take(record)
                if self._recent is not None and told is not None:
                    self._recent.take(record, told)
            self._positions = {where: reader.position(where) for where in self._positions}
            if now() > due:
                async with _in_time("to say which it is"):
                    await self._see_that_it_is_the_same_log()
                due = now() + _LOOK_AT_LOG
            await asyncio.sleep(0)

    async def _see_that_it_is_the_same_log(self) -> None:
        there = await self._bus.cluster_id()
        if there != self._cluster:
            raise HistoryLost(f"the log is another one now: {there}, before {self._cluster}")

    async def _where_to_go_on(self) -> dict[TopicPartition, int]:
        """Return where reading goes on; from the start where this log was not read before."""
        cluster = await self._bus.cluster_id()
        counts = await self._bus.partitions(self._board.topics)
        missing = [topic for topic, count in counts.items() if not count]
        if missing:
            raise NotReady(f"there is no topic {', '.join(missing)} yet")
        where = [TopicPartition(topic, number) for topic, count in counts.items() for number in range(count)]
        known = self._positions if cluster == self._cluster else {}
        first, after = await self._bus.beginning(where), await self._bus.end(where)
        self._cluster = cluster
        self._positions = {it: known.get(it, self._start(it, first[it], after[it])) for it in where}
        if self._recent is not None:
            telling = self._board.telling
            self._recent.begin(cluster, {it: at for it, at in self._positions.items() if it.topic in telling})
        return self._positions

    def _start(self, where: TopicPartition, first: int, after: int) -> int:
        newest = self._newest.get(where.topic)
        return first if newest is None else max(first, after - newest)

    def _begins(self, error: MillraceError) -> None:
        if str(error) != self.trouble:
            log.warning("what is published is not read", reason=str(error), topics=self._board.topics)
        self.trouble = str(error)

    def _over(self) -> None:
        if self.trouble is not None:
            log.info("what is published is read", topics=self._board.topics)
        self.trouble = None


@asynccontextmanager
async def _in_time(what: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(_LONGEST):
            yield
    except TimeoutError as error:
        raise Unreachable(f"the log took longer than {_LONGEST:g} s {what}") from error

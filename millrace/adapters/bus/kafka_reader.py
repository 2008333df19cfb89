"""Reading from Kafka by hand-assigned positions, under read_committed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aiokafka import errors
from aiokafka.structs import TopicPartition as KafkaPartition

from millrace.adapters.bus.kafka_link import FIRST, LAST, Link
from millrace.adapters.bus.port import Record, TopicPartition
from millrace.domain.errors import HistoryLost, Unreachable

_SLICE = 0.025
"""Seconds between looks at positions while nothing comes: markers move a position without a record to show for it."""
_PLENTY = 5_000
"""Records held for a partition beyond which no more of it is fetched."""
_SILENCE = 10.0
"""Seconds of waiting without any answer from the log until a reader says so."""


class KafkaReader:
    """Reads given partitions; holds what came ahead, so that a paused partition loses nothing and starves nobody.

    `read` may come back early and empty when positions moved past transaction markers. It raises `HistoryLost` when a
    position is outside what is kept, and `Unreachable` when the log has moved to another address or is silent.
    """

    def __init__(
        self, consumer: Any, start: Mapping[TopicPartition, int], link: Link, moved: Callable[[], str | None]
    ) -> None:
        self._consumer = consumer
        self._link = link
        self._moved = moved
        self._positions = dict(start)
        self._order = deque(start)
        self._held: dict[TopicPartition, deque[Record]] = {where: deque() for where in start}
        self._paused: set[TopicPartition] = set()
        self._throttled: set[TopicPartition] = set()
        self._newest_answer = 0
        self._silent = 0.0
        partitions = [KafkaPartition(*where) for where in start]
        consumer.assign(partitions)
        for where, position in start.items():
            consumer.seek(KafkaPartition(*where), position)

    async def read(self, *, timeout: float, max_records: int | None = None) -> dict[TopicPartition, list[Record]]:
        """Return what has come, by partition, in offset order."""
        now = asyncio.get_running_loop().time
        deadline = now() + timeout
        while True:
            before = list(self._positions.values())
            await self._fetch(max(0.0, min(_SLICE, deadline - now())))
            found = self._take(max_records)
            if found or list(self._positions.values()) != before or now() >= deadline:
                return found

    async def _fetch(self, wait: float) -> None:
        ready = any(self._held[where] for where in self._order if where not in self._paused)
        wait_ms = 0 if ready else int(wait * 1000)
        try:
            fetched = await self._consumer.getmany(timeout_ms=wait_ms)
        except errors.OffsetOutOfRangeError as failure:
            raise await self._lost(failure.args[0]) from failure
        except errors.KafkaError as failure:
            raise Unreachable(f"reading failed: {failure!r}") from failure
        for partition, records in fetched.items():
            self._held[TopicPartition(*partition)].extend(map(_record, records))
        await self._follow_positions()
        self._throttle()
        if not fetched and not ready:
            self._listen(wait)

    async def _follow_positions(self) -> None:
        for where, held in self._held.items():
            position = held[0].offset if held else await self._consumer.position(KafkaPartition(*where))
            self._positions[where] = position

    def _listen(self, waited: float) -> None:
        """Notice a log that has gone: aiokafka itself would retry in silence, for ever."""
        moved = self._moved()
        if moved is not None:
            raise Unreachable(moved)
        stamps = (self._consumer.last_poll_timestamp(KafkaPartition(*where)) for where in self._order)
        newest = max((stamp for stamp in stamps if stamp is not None), default=0)
        wanted = set(self._order) - self._throttled - self._paused
        self._silent = 0.0 if newest != self._newest_answer or not wanted else self._silent + waited
        self._newest_answer = newest
        if self._silent > _SILENCE:
            self._silent = 0.0
            raise Unreachable(f"the log has not answered for {_SILENCE:g} s")

    def _take(self, limit: int | None) -> dict[TopicPartition, list[Record]]:
        self._order.rotate(-1)  # so that a busy partition cannot starve the others
        found: dict[TopicPartition, list[Record]] = {}
        left = limit
        for where in self._order:
            held = self._held[where]
            if not held or where in self._paused or left == 0:
                continue
            found[where] = _first(held, left)
            self._positions[where] = held[0].offset if held else found[where][-1].offset + 1
            left = None if left is None else left - len(found[where])
        return found

    def _throttle(self) -> None:
        full = {where for where, held in self._held.items() if len(held) > _PLENTY}
        full |= {where for where in self._paused if self._held[where]}
        self._consumer.pause(*(KafkaPartition(*where) for where in full - self._throttled))
        self._consumer.resume(*(KafkaPartition(*where) for where in self._throttled - full))
        self._throttled = full

    async def _lost(self, positions: Mapping[KafkaPartition, int]) -> HistoryLost:
        partition, position = next(iter(positions.items()))
        where = TopicPartition(*partition)
        first = (await self._link.offsets([where], FIRST))[where]
        if position < first:
            return HistoryLost(f"records between {position} and {first} of {where} are gone")
        last = (await self._link.offsets([where], LAST))[where]
        return HistoryLost(f"{where} ends at {last}, before {position}: it was cut short or made anew")

    def position(self, where: TopicPartition) -> int:
        """Return the next offset to be read."""
        return self._positions[where]

    def at_end(self, where: TopicPartition) -> bool:
        """Tell whether everything known to be readable, as of the newest fetch, has been read."""
        partition = KafkaPartition(*where)
        stable = self._consumer.last_stable_offset(partition)
        end = self._consumer.highwater(partition) if stable is None or stable < 0 else stable
        return end is not None and not self._held[where] and self._positions[where] >= end

    def pause(self, where: Iterable[TopicPartition]) -> None:
        """Stop reading partitions for now, without losing a position."""
        self._paused.update(where)

    def resume(self, where: Iterable[TopicPartition]) -> None:
        """Go on reading paused partitions."""
        self._paused.difference_update(where)

    async def close(self) -> None:
        """Let go."""
        await asyncio.sleep(0)  # stopping cancels a task and awaits it: one that never began would raise
        # It also lets the cancellation of a fetch under way out, which would pass for that of whoever closes this.
        stopping = asyncio.create_task(self._consumer.stop())
        await asyncio.wait([stopping])
        if not stopping.cancelled():
            stopping.result()


def _first(held: deque[Record], limit: int | None) -> list[Record]:
    if limit is None or limit >= len(held):
        everything = list(held)
        held.clear()
        return everything
    return [held.popleft() for _ in range(limit)]


def _record(it: Any) -> Record:
    return Record(it.topic, it.partition, it.offset, it.timestamp, it.key, it.value, it.headers)

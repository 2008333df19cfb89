"""Where an interrupted replay goes on: behind the last of its own records in each partition.

A partition keeps the order it was sent in, so its last record of this source tells that all facts before it are
there too. A log that lost everything is told by the shard's newest checkpoint what was learnt before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from millrace.adapters.bus.port import Bus, Reader, Record, TopicPartition
from millrace.adapters.checkpoints.index import CheckpointIndex, Latest
from millrace.domain.errors import HistoryLost, Unreachable
from producers.pace import Clock
from producers.stream import SEQUENCE, SOURCE

Marks = dict[TopicPartition, int]
"""The number of the last fact sent, by partition; -1 before the first."""

_FIRST_LOOK = 16
"""Records looked at first, from the end; when they are all a stranger's, it looks further back."""
_PATIENCE = 5.0
"""Seconds to wait for records that the log says are there."""
_POLL = 0.5
"""Seconds between two looks at the checkpoint pointer."""


class Resumption:
    """Finds out what of one source a log has."""

    def __init__(self, bus: Bus, source: bytes, checkpoints: CheckpointIndex) -> None:
        self._bus = bus
        self._source = source
        self._checkpoints = checkpoints

    async def marks(self, where: Sequence[TopicPartition], clock: Clock, waiting: Callable[[str], None]) -> Marks:
        """Return the last fact of each partition.

        Where nothing was ever written, it is what the shard had learnt when it took up this log: `waiting` is told
        the reason as long as its trainer has not. Raises `HistoryLost` when a partition was written to and keeps
        none of it, `Unreachable` when the log or the object store does not answer.
        """
        found = await self._kept(where)
        if None not in found.values():
            return {each: it for each, it in found.items() if it is not None}
        latest = await self._taken_up(clock, waiting)
        learnt = latest.sequences if latest else {}
        return {each: learnt.get(str(each), -1) if it is None else it for each, it in found.items()}

    async def _kept(self, where: Sequence[TopicPartition]) -> dict[TopicPartition, int | None]:
        first, end = await self._bus.beginning(where), await self._bus.end(where)
        return {each: await self._last(each, first[each], end[each]) if end[each] else None for each in where}

    async def _taken_up(self, clock: Clock, waiting: Callable[[str], None]) -> Latest | None:
        """Return what the newest checkpoint says, once it is one of this log.

        The trainer writes one as its epoch begins. An older one may not be the one it goes on from: facts sent by
        it could be learnt twice, or never.
        """
        here = await self._bus.cluster_id()
        while True:
            latest = await self._checkpoints.latest()
            if latest is None or latest.cluster_id in (None, here):
                return latest
            waiting(f"log {here} is empty and {latest.state_id} is of another: waiting for the trainer to take it up")
            await clock.sleep(_POLL)

    async def _last(self, where: TopicPartition, first: int, end: int) -> int:
        """Look back from the end, further each time, for a record of this source."""
        look = _FIRST_LOOK
        while first < end:
            start = max(first, end - look)
            numbers = [self._number(record) for record in await self._read(where, start, end)]
            if max(numbers, default=-1) >= 0:
                return max(numbers)
            if start == first == 0:
                return -1
            if start == first:
                break
            look *= 8
        raise HistoryLost(
            f"{where} keeps nothing of this replay among the {end} records it has had, so nobody can tell where it "
            f"stopped; keep records longer than a pause lasts, or begin with new topics"
        )

    def _number(self, record: Record) -> int:
        number = record.header(SEQUENCE)
        ours = record.header(SOURCE) == self._source and number is not None and number.isdigit()
        return int(number) if ours and number is not None else -1

    async def _read(self, where: TopicPartition, start: int, end: int) -> list[Record]:
        reader = await self._bus.reader({where: start})
        try:
            return await _until(reader, where, end)
        finally:
            await reader.close()


async def _until(reader: Reader, where: TopicPartition, end: int) -> list[Record]:
    records: list[Record] = []
    while reader.position(where) < end:
        come = await reader.read(timeout=_PATIENCE)
        if not come:
            raise Unreachable(f"{where} ends at {end}, but nothing came from {reader.position(where)} on")
        records += come.get(where, [])
    return records

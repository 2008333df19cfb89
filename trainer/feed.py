"""The trainer's input: partitions read ahead, records taken in the order of time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from millrace.adapters.bus.port import Bus, Reader, TopicPartition
from millrace.adapters.schemas.reader import ExplainedReader
from millrace.adapters.schemas.table import SchemaTable
from millrace.domain.errors import HistoryLost
from millrace.learning.intake import Arrival, Clock, Intake

FULL = 3_000
"""Records read ahead of one partition before it is paused."""

Taken = dict[TopicPartition, list[Arrival]]


class Feed:
    """Reads ahead; gives out either what comes next by time, or exactly the ranges a journal entry names."""

    def __init__(
        self,
        reader: Reader,
        intake: Intake,
        where: list[TopicPartition],
        idle_timeout: float,
        now: Callable[[], float] = time.monotonic,
        schemas: SchemaTable | None = None,
    ) -> None:
        self._reader = reader
        self._intake = intake
        self._waiting: Taken = {each: [] for each in where}
        self._paused: set[TopicPartition] = set()
        self._idle_timeout = idle_timeout
        self._now = now
        self._oldest: float | None = None
        self._schemas = schemas

    @classmethod
    async def open(
        cls,
        bus: Bus,
        intake: Intake,
        positions: Mapping[TopicPartition, int],
        idle_timeout: float,
        schemas: SchemaTable | None = None,
    ) -> Feed:
        """Read partitions from given positions; with `schemas`, records that name one once it is known."""
        reader: Reader = await bus.reader(positions)
        if schemas is not None:
            reader = ExplainedReader(reader, schemas)
        return cls(reader, intake, list(positions), idle_timeout, schemas=schemas)

    async def fill(self, timeout: float) -> int:
        """Read what has come; wait at most `timeout` seconds for anything. Return how many records came."""
        found = await self._reader.read(timeout=timeout)
        for where, records in found.items():
            self._waiting[where].extend(map(self._intake.read, records))
            if self._oldest is None:
                self._oldest = self._now()
        self._hold_back()
        return sum(map(len, found.values()))

    async def catch_up(self, enough: int, timeout: float) -> None:
        """Read on while the log has more, until there is enough for a batch: a commit costs the same for few records.

        Every partition counts, for time moves only as far as the one that is furthest behind.
        """
        share = enough // len(self._waiting)
        while any(len(its) < share and not self._reader.at_end(where) for where, its in self._waiting.items()):
            if not await self.fill(timeout):
                break

    def _hold_back(self) -> None:
        full = {where for where, arrivals in self._waiting.items() if len(arrivals) >= FULL}
        self._reader.pause(full - self._paused)
        self._reader.resume(self._paused - full)
        self._paused = full

    def next(self, clocks: Mapping[TopicPartition, Clock], most: int) -> tuple[Taken, list[TopicPartition]]:
        """Return what comes next by time, about `most` records, and the idle partitions that were not waited for."""
        if self._oldest is None:
            return {}, []
        patient = self._now() - self._oldest < self._idle_timeout
        ended = [where for where in self._waiting if self._reader.at_end(where)]
        awaited = list(self._waiting) if patient else [where for where in self._waiting if where not in ended]
        frontier = self._intake.frontier(self._waiting, awaited, clocks)
        if frontier is not None and self._stuck(awaited, frontier):
            frontier += 1
        taken = self._give(self._intake.choose(self._waiting, clocks, frontier, most))
        return taken, [] if patient else [where for where in ended if where not in taken]

    def _stuck(self, awaited: list[TopicPartition], frontier: int) -> bool:
        """Tell whether a partition holds as much as may be read ahead and all of it is of one moment."""
        return any(where in self._paused and self._waiting[where][0].time >= frontier for where in awaited)

    def _give(self, counts: Mapping[TopicPartition, int]) -> Taken:
        taken: Taken = {}
        for where, count in counts.items():
            taken[where], self._waiting[where] = self._waiting[where][:count], self._waiting[where][count:]
        if taken:
            left = any(self._waiting.values())
            self._oldest = self._now() if left else None
        return taken

    async def exactly(self, ranges: Mapping[TopicPartition, tuple[int, int]]) -> Taken:
        """Return the records of ranges `[first, next)` that a journal entry names; wait for them."""
        while missing := [where for where, (_, end) in ranges.items() if not self._has(where, end)]:
            await self.fill(timeout=1.0)
            for where in missing:
                if self._reader.at_end(where) and not self._has(where, ranges[where][1]):
                    raise HistoryLost(
                        f"the journal names records of {where} up to {ranges[where][1]}, but it ends before"
                    )
        return self._give({where: self._before(where, end) for where, (_, end) in ranges.items()})

    def _has(self, where: TopicPartition, end: int) -> bool:
        waiting = self._waiting[where]
        return bool(waiting and waiting[-1].offset >= end - 1) or (
            where not in self._paused and self._reader.position(where) >= end
        )

    def _before(self, where: TopicPartition, end: int) -> int:
        return next((at for at, it in enumerate(self._waiting[where]) if it.offset >= end), len(self._waiting[where]))

    def waiting(self) -> int:
        """Return how many records are read ahead."""
        return sum(map(len, self._waiting.values()))

    @property
    def trouble(self) -> str | None:
        """Why what was read cannot be given out: a registry that does not explain it."""
        return self._schemas.trouble if self._schemas else None

    async def close(self) -> None:
        """Let go."""
        await self._reader.close()

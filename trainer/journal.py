"""The journal as read: entries, and the one line of them that is the history."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from millrace.adapters.bus.port import Bus, Message, TopicPartition
from millrace.domain.errors import BrokenChain, HistoryLost
from millrace.domain.records import Entry, Genesis
from millrace.domain.usecase import AnyUseCase

_decode = msgspec.json.Decoder(Entry).decode
_encode = msgspec.json.Encoder().encode


class Written(NamedTuple):
    """An entry and the offset it stands at."""

    offset: int
    entry: Entry


class Journal:
    """One shard's journal: partition `shard` of `<use-case>.journal`."""

    def __init__(self, bus: Bus, use_case: AnyUseCase, shard: int) -> None:
        self._bus = bus
        self.where = TopicPartition(use_case.topic("journal"), shard)

    def message(self, entry: Entry) -> Message:
        """Return an entry as a message."""
        return Message(self.where.topic, _encode(entry), partition=self.where.partition)

    async def first(self) -> int:
        """Return the first offset that is kept."""
        return (await self._bus.beginning([self.where]))[self.where]

    async def kept(self) -> tuple[int, int]:
        """Return the first offset that is kept and the one after the last."""
        return await self.first(), (await self._bus.end([self.where]))[self.where]

    async def read(self, start: int) -> list[Written]:
        """Return every entry from an offset to the end as it is now."""
        first, end = await self.kept()
        if start < first:
            raise HistoryLost(
                f"journal entries {start} to {first - 1} of {self.where} are gone; what came of them cannot be rebuilt"
            )
        found: list[Written] = []
        if start >= end:
            return found
        reader = await self._bus.reader({self.where: start})
        try:
            while reader.position(self.where) < end:
                for records in (await reader.read(timeout=1.0)).values():
                    found += [Written(it.offset, _decode(it.value or b"")) for it in records if it.offset < end]
        finally:
            await reader.close()
        return found


def line_from(origin: int, entries: list[Written]) -> list[Written]:
    """Return the entries that continue, one after the other, the entry at offset `origin`.

    What does not link back to it is a zombie's or was never committed, and is ignored; where two lines part, the longer
    one is the history.
    """
    by_offset = {it.offset: it for it in entries}
    length = {origin: 0}
    for it in entries:
        previous = _previous(it)
        if previous in length and it.offset > previous:
            length[it.offset] = length[previous] + 1
    tip = max(length, key=lambda offset: (length[offset], offset))
    line: list[Written] = []
    while tip != origin:
        line.append(by_offset[tip])
        tip = _previous(by_offset[tip])
    return line[::-1]


def _previous(it: Written) -> int:
    return -1 if isinstance(it.entry, Genesis) else it.entry.previous


def newest_genesis(entries: list[Written]) -> Written:
    """Return the genesis of the newest epoch."""
    found = [it for it in entries if isinstance(it.entry, Genesis)]
    if not found:
        raise BrokenChain("the journal has no genesis entry")
    return found[-1]

"""What was read of one use case lately, kept for streams: one buffer for all who follow, bounded."""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import Iterator, Mapping
from heapq import merge
from itertools import takewhile
from typing import NamedTuple

import msgspec

from apps.api.board import Told
from apps.api.replies import Known, Published
from millrace.domain.log import Record, TopicPartition
from millrace.domain.records import Alarm, Scorecard

_KINDS: Mapping[type, str] = {Published: "prediction", Known: "truth", Scorecard: "scorecard", Alarm: "alarm"}
KINDS = tuple(_KINDS.values())


class Item(NamedTuple):
    """One thing that was told: its number in this process, where it was read, its kind, and what it says (JSON)."""

    number: int
    partition: int
    offset: int
    kind: str
    says: bytes


class Place(NamedTuple):
    """A place in the stream: of one log, the next offset of each partition, in the order of their names.

    Any replica can go on from it: the order within a partition is the log's, however partitions were read.
    """

    log: str
    offsets: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.log}-{'.'.join(map(str, self.offsets))}"

    @classmethod
    def parse(cls, text: str) -> Place | None:
        """Read the id of an event; `None` when it is none."""
        log, dash, rest = text.partition("-")
        numbers = rest.split(".")
        if not dash or not all(it.isascii() and it.isdigit() and len(it) < 20 for it in numbers):
            return None
        return cls(log, tuple(map(int, numbers)))


class Recent:
    """The newest of each kind, and from which place on all of it is there."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._index: dict[TopicPartition, int] = {}
        self._items: dict[str, deque[Item]] = {kind: deque() for kind in KINDS}
        self._lost = True
        self._news = asyncio.Event()
        self.log = ""
        self.turn = 0
        """Counts the logs that were begun; what was said of one before is no place in this one."""
        self.number = 0
        self.oldest: list[int] = []
        self.next: list[int] = []
        self.dropped: dict[str, int] = dict.fromkeys(KINDS, 0)

    def lost(self) -> None:
        """Say that reading will not go on where it was."""
        self._lost = True

    def begin(self, cluster: str, positions: Mapping[TopicPartition, int]) -> None:
        """Say where reading begins, or goes on."""
        log = hashlib.sha256(cluster.encode()).hexdigest()[:8]
        index = {where: number for number, where in enumerate(sorted(positions))}
        if not self._lost and (log, index) == (self.log, self._index):
            return
        self._lost, self.log, self._index = False, log, index
        self.turn += 1
        self.oldest = [positions[where] for where in sorted(positions)]
        self.next = list(self.oldest)
        self.dropped = dict.fromkeys(KINDS, self.number)
        for items in self._items.values():
            items.clear()
        self._tell()

    def take(self, record: Record, told: Told) -> None:
        """Keep what a record told, for those who follow."""
        partition = self._index[TopicPartition(record.topic, record.partition)]
        if record.offset < self.next[partition]:
            return
        kind = _KINDS[type(told)]
        self.number += 1
        self.next[partition] = record.offset + 1
        items = self._items[kind]
        items.append(Item(self.number, partition, record.offset, kind, msgspec.json.encode(told)))
        if len(items) > self._kept:
            gone = items.popleft()
            self.oldest[gone.partition] = gone.offset + 1
            self.dropped[kind] = gone.number
        self._tell()

    def after(self, number: int) -> Iterator[Item]:
        """Return what was told after the one with a number, in the order it was read."""
        news = [list(takewhile(lambda it: it.number > number, reversed(items))) for items in self._items.values()]
        return merge(*(reversed(each) for each in news))

    def place(self) -> Place:
        """Return the place up to which everything was told."""
        return Place(self.log, tuple(self.next))

    def news(self) -> asyncio.Event:
        """Return what is set as soon as something new is told."""
        return self._news

    def _tell(self) -> None:
        waiting, self._news = self._news, asyncio.Event()
        waiting.set()

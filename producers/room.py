"""Room: on a log that keeps little, nothing is sent that would push out what is not learnt yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from millrace.adapters.bus.port import Bus, Message, TopicPartition

RECORDS = 8_000
"""Unlearnt records of one partition at most."""
BYTES = 2_500_000
"""Unlearnt bytes of one partition at most: half of what the embedded log keeps."""
_OVERHEAD = 64
"""Bytes of a record besides its key, value and headers; an upper guess."""
_GUESS = 1_000
"""Bytes a record is taken to have before any is known."""


class Room:
    """What each partition may still take: what was sent, less the positions the trainer has noted."""

    def __init__(self, bus: Bus, group: str, where: Sequence[TopicPartition]) -> None:
        self._bus = bus
        self._group = group
        self._where = where
        self._unlearnt: Counter[TopicPartition] = Counter()
        self._records: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()

    async def look(self) -> None:
        """Ask the log what is learnt by now. Where nothing was noted, nothing is learnt."""
        end = await self._bus.end(self._where)
        noted = await self._bus.noted_positions(self._group, self._where)
        self._unlearnt = Counter({each: end[each] - noted.get(each, 0) for each in self._where})

    def takes(self, where: TopicPartition) -> bool:
        """Tell whether a partition may take one record more."""
        unlearnt = self._unlearnt[where]
        return unlearnt < RECORDS and unlearnt * self._size(where.topic) < BYTES

    def took(self, where: TopicPartition, message: Message) -> None:
        """Count a record about to be sent."""
        self._unlearnt[where] += 1
        self._records[where.topic] += 1
        self._bytes[where.topic] += size_of(message)

    def _size(self, topic: str) -> float:
        """Return what a record of a topic takes, on average; the first ones, after a restart, are guessed at."""
        return (self._bytes[topic] + _GUESS) / (self._records[topic] + 1)


def size_of(message: Message) -> int:
    """Return about how many bytes a record takes in the log."""
    headers = sum(len(name) + len(value) + 2 for name, value in message.headers)
    return len(message.key or b"") + len(message.value or b"") + headers + _OVERHEAD

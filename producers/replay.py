"""The replay of a stream onto one log: in order, at its pace, and each fact once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from millrace.adapters.bus.partitioning import partition_for
from millrace.adapters.bus.port import Message, TopicPartition, Writer
from millrace.domain.times import Micros
from producers.pace import Pace
from producers.resume import Marks
from producers.stream import Numbered, Stream

SLICE = 1_000
"""Facts sent at once at most."""
HOLD = 0.05
"""Seconds to wait before looking again whether the log has room."""
TICK = 0.001
"""Seconds to wait for the next fact at least."""
LOOK_UP = 0.5
"""Seconds to wait for the next fact at most before looking up."""


class Limit(Protocol):
    """What a log may take before something not learnt yet is lost."""

    async def look(self) -> None:
        """Find out anew how much room there is."""

    def takes(self, where: TopicPartition) -> bool:
        """Tell whether a partition may take one record more."""

    def took(self, where: TopicPartition, message: Message) -> None:
        """Count a record about to be sent."""


class Replay:
    """Sends what the log does not have yet, slice by slice.

    `held_back` counts the seconds waited for room, `sent` the facts of each topic; `at` is the time of the stream.
    """

    def __init__(
        self,
        stream: Stream,
        partitions: Mapping[str, int],
        marks: Marks,
        writer: Writer,
        pace: Pace,
        *,
        room: Limit | None = None,
        limit: int | None = None,
    ) -> None:
        self._stream = stream
        self._partitions = partitions
        self._marks = marks
        self._writer = writer
        self._pace = pace
        self._room = room
        self._limit = limit
        self._blocked = False
        self.at: Micros | None = None
        self._coming = self._not_sent(stream.since(min(marks.values(), default=-1) + 1))
        self._next = next(self._coming, None)
        self.began_at = self._next.number if self._next else None
        self.sent = dict.fromkeys(stream.topics, 0)
        self.held_back = 0.0
        if self._next:
            self._pace.anchor(self._next.time)

    @property
    def over(self) -> bool:
        """Whether every fact was sent."""
        return self._next is None

    async def turn(self) -> float:
        """Send what is due, one slice at most; return the seconds to wait before the next turn."""
        if messages := self._due():
            await self._writer.send(messages)
            self._account(messages)
            return 0.0
        if self._next is None:
            return LOOK_UP
        if self._room is not None and self._blocked:
            await self._room.look()
            # What was held back is not made up for by a rush: the stream goes on from where it stands.
            self._pace.anchor(self._next.time)
            self.held_back += HOLD
            return HOLD
        return min(max(self._pace.wait(self._next.time), TICK), LOOK_UP)

    def _due(self) -> list[Message]:
        """Gather the next slice. A fact that finds no room holds back all behind it: the order of time stays."""
        self._blocked = False
        messages: list[Message] = []
        while len(messages) < SLICE and self._next is not None and self._pace.due(self._next.time):
            where = self._where(self._next)
            if self._room is not None and not self._room.takes(where):
                self._blocked = True
                break
            message = self._stream.message(self._next, where.partition)
            if self._room is not None:
                self._room.took(where, message)
            messages.append(message)
            self.at = self._next.time
            self._next = next(self._coming, None)
        return messages

    def _account(self, messages: list[Message]) -> None:
        for message in messages:
            self.sent[message.topic] += 1

    def _not_sent(self, facts: Iterator[Numbered]) -> Iterator[Numbered]:
        """Pass over what a partition has; `at` is the time of the newest fact that was passed over."""
        for it in facts:
            if self._limit is not None and it.number >= self._limit:
                return
            if it.number > self._marks.get(self._where(it), -1):
                yield it
            else:
                self.at = it.time

    def _where(self, it: Numbered) -> TopicPartition:
        """Return where a fact goes: as its key says, so an event and its labels share a partition number."""
        return TopicPartition(it.topic, partition_for(Message(it.topic, None, it.key), self._partitions[it.topic]))


def places(partitions: Mapping[str, int]) -> Iterator[TopicPartition]:
    """Yield every partition of topics with so many each."""
    return (TopicPartition(topic, it) for topic, count in partitions.items() for it in range(count))

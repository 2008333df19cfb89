"""The replay of a recording onto one log: in order, at its pace, and each fact once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from millrace.adapters.bus.partitioning import partition_for
from millrace.adapters.bus.port import Message, TopicPartition, Writer
from millrace.domain.times import Micros
from producers.pace import Pace
from producers.recording import Recording
from producers.resume import Marks

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
        recording: Recording,
        partitions: Mapping[str, int],
        marks: Marks,
        writer: Writer,
        pace: Pace,
        *,
        room: Limit | None = None,
        limit: int | None = None,
    ) -> None:
        self._recording = recording
        self._partitions = partitions
        self._marks = marks
        self._writer = writer
        self._pace = pace
        self._room = room
        self._end = min(len(recording), limit or len(recording))
        self._next = min(marks.values(), default=-1) + 1
        self._blocked = False
        self._pass_over_sent()
        self.began_at = self._next
        self.sent = dict.fromkeys(recording.topics, 0)
        self.held_back = 0.0
        if not self.over:
            self._pace.anchor(self._recording.time(self._next))

    @property
    def over(self) -> bool:
        """Whether every fact was sent."""
        return self._next >= self._end

    @property
    def at(self) -> Micros | None:
        """Return the time the stream has come to; `None` before the first fact."""
        return self._recording.time(self._next - 1) if self._next else None

    async def turn(self) -> float:
        """Send what is due, one slice at most; return the seconds to wait before the next turn."""
        if messages := self._due():
            await self._writer.send(messages)
            self._account(messages)
            return 0.0
        if self.over:
            return LOOK_UP
        if self._room is not None and self._blocked:
            await self._room.look()
            # What was held back is not made up for by a rush: the stream goes on from where it stands.
            self._pace.anchor(self._recording.time(self._next))
            self.held_back += HOLD
            return HOLD
        return min(max(self._pace.wait(self._recording.time(self._next)), TICK), LOOK_UP)

    def _due(self) -> list[Message]:
        """Gather the next slice. A fact that finds no room holds back all behind it: the order of time stays."""
        self._blocked = False
        messages: list[Message] = []
        while len(messages) < SLICE and not self.over and self._pace.due(self._recording.time(self._next)):
            where = self._where(self._next)
            if self._room is not None and not self._room.takes(where):
                self._blocked = True
                break
            message = self._recording.message(self._next, where.partition)
            if self._room is not None:
                self._room.took(where, message)
            messages.append(message)
            self._next += 1
            self._pass_over_sent()
        return messages

    def _account(self, messages: list[Message]) -> None:
        for message in messages:
            self.sent[message.topic] += 1

    def _pass_over_sent(self) -> None:
        while not self.over and self._next <= self._marks.get(self._where(self._next), -1):
            self._next += 1

    def _where(self, number: int) -> TopicPartition:
        """Return where a fact goes: as its key says, so an event and its labels share a partition number."""
        topic = self._recording.topic(number)
        keyed = Message(topic, None, self._recording.key(number))
        return TopicPartition(topic, partition_for(keyed, self._partitions[topic]))


def places(partitions: Mapping[str, int]) -> Iterator[TopicPartition]:
    """Yield every partition of topics with so many each."""
    return (TopicPartition(topic, it) for topic, count in partitions.items() for it in range(count))

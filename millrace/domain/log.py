"""Records of the log as plain types."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

Headers = tuple[tuple[str, bytes], ...]


class TopicPartition(NamedTuple):
    """One partition of a topic; `topic:partition` in text."""

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}:{self.partition}"

    @classmethod
    def parse(cls, text: str) -> TopicPartition:
        """Read `topic:partition`."""
        topic, _, partition = text.rpartition(":")
        return cls(topic, int(partition))


class Record(msgspec.Struct, frozen=True):
    """A record as read. `timestamp` is Kafka's own, in milliseconds since 1970."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()

    def header(self, name: str) -> bytes | None:
        """Return a header's value, or `None`."""
        return next((value for key, value in self.headers if key == name), None)


class Message(msgspec.Struct, frozen=True):
    """A record to write. Without `partition` the key decides it (murmur2, as Kafka's own clients do)."""

    topic: str
    value: bytes | None
    key: bytes | None = None
    partition: int | None = None
    headers: Headers = ()

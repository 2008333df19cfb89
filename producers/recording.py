"""A recording ready to be sent: facts in order, each with its number, its key and its record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from millrace.adapters.archive.recorded import Progress, available_at, load
from millrace.domain.errors import UseCaseError
from millrace.domain.facts import Event
from millrace.domain.log import Message
from millrace.domain.times import Micros, rfc3339
from millrace.domain.usecase import AnyUseCase, Fact

SEQUENCE = "ce_sequence"
SOURCE = "ce_source"

_encode: Callable[[Any], bytes] = msgspec.json.Encoder().encode


class Recording:
    """The facts of a use case's recorded source; a fact's number is its place in the order of time."""

    def __init__(self, use_case: AnyUseCase, facts: Sequence[Fact]) -> None:
        self._use_case = use_case
        self._facts = facts
        self._keys = _keys(use_case, facts)
        self._events = use_case.topic("events")
        self._labels = use_case.topic("labels")
        self.topics = (self._events,) if use_case.label is None else (self._events, self._labels)
        self.source = source_of(use_case)

    @classmethod
    def load(cls, use_case: AnyUseCase, progress: Progress | None = None) -> Recording:
        """Read a use case's recorded source; raises `UseCaseError` when it has none."""
        if use_case.source is None:
            raise UseCaseError(
                f"{use_case.name} has no recorded source to replay; give it source=Recorded(…), "
                f"or send its events to {use_case.topic('events')} yourself"
            )
        return cls(use_case, load(use_case.source, progress))

    def __len__(self) -> int:
        return len(self._facts)

    def time(self, number: int) -> Micros:
        """Return when a fact could be known."""
        return available_at(self._facts[number])

    def topic(self, number: int) -> str:
        """Return the topic a fact goes to."""
        return self._events if isinstance(self._facts[number], Event) else self._labels

    def key(self, number: int) -> bytes:
        """Return the entity a fact is about; a label has its event's."""
        return self._keys[number]

    def message(self, number: int, partition: int) -> Message:
        """Return a fact as the record that carries it: JSON, with CloudEvents headers (binary mode, 1.0)."""
        fact = self._facts[number]
        values = {name: it for name, it in msgspec.structs.asdict(fact).items() if it is not None}
        headers = (
            ("ce_specversion", b"1.0"),
            ("ce_id", self._id(fact, number).encode()),
            ("ce_type", f"{self._use_case.name}.{type(fact).__name__}".encode()),
            ("ce_time", rfc3339(available_at(fact)).encode()),
            (SOURCE, self.source),
            (SEQUENCE, b"%d" % number),
        )
        return Message(self.topic(number), _encode(values), self._keys[number], partition, headers)

    def _id(self, fact: Fact, number: int) -> str:
        """Return an id that no other fact of the source has: one event may have several labels."""
        if isinstance(fact, Event):
            return str(getattr(fact, self._use_case.id_field))
        return f"{getattr(fact, self._use_case.of_field)}/{number}"


def source_of(use_case: AnyUseCase) -> bytes:
    """Return the CloudEvents source that a use case's recording has."""
    return f"/millrace/recorded/{use_case.name}".encode()


def _keys(use_case: AnyUseCase, facts: Sequence[Fact]) -> list[bytes]:
    """Return each fact's key; equal keys are one object. A label that no event of the source has goes by its own id."""
    known: dict[object, bytes] = {}
    of_event: dict[object, bytes] = {}
    for fact in facts:
        if isinstance(fact, Event):
            entity = getattr(fact, use_case.key_field)
            key = known.setdefault(entity, str(entity).encode())
            of_event[getattr(fact, use_case.id_field)] = key
    return [_key(use_case, fact, of_event) for fact in facts]


def _key(use_case: AnyUseCase, fact: Fact, of_event: dict[object, bytes]) -> bytes:
    event = getattr(fact, use_case.id_field if isinstance(fact, Event) else use_case.of_field)
    return of_event.get(event) or str(event).encode()

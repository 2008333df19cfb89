"""A stream ready to be sent: facts in order, each with a number that no other has, and a record to carry it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

import msgspec

from millrace.domain.facts import Event
from millrace.domain.log import Message
from millrace.domain.times import Micros, rfc3339
from millrace.domain.usecase import AnyUseCase, Fact

SEQUENCE = "ce_sequence"
SOURCE = "ce_source"

_encode: Callable[[Any], bytes] = msgspec.json.Encoder().encode


class Numbered(NamedTuple):
    """A fact with its number, when it could be known, and where it goes. Numbers rise; they may leave some out."""

    number: int
    time: Micros
    topic: str
    key: bytes
    fact: Fact


class Stream(Protocol):
    """What a producer sends."""

    @property
    def use_case(self) -> AnyUseCase:
        """The use case it is of."""

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics it goes to."""

    @property
    def source(self) -> bytes:
        """Its CloudEvents source: one name for one sequence of facts."""

    def since(self, number: int) -> Iterator[Numbered]:
        """Yield the facts from a number on, in order; the same ones each time."""

    def message(self, it: Numbered, partition: int) -> Message:
        """Return a fact as the record that carries it."""


def written(use_case: AnyUseCase, source: bytes, it: Numbered, partition: int) -> Message:
    """Return a fact as the record that carries it: JSON, with CloudEvents headers (binary mode, 1.0)."""
    fact = it.fact
    values = {name: value for name, value in msgspec.structs.asdict(fact).items() if value is not None}
    headers = (
        ("ce_specversion", b"1.0"),
        ("ce_id", _id(use_case, it).encode()),
        ("ce_type", f"{use_case.name}.{type(fact).__name__}".encode()),
        ("ce_time", rfc3339(it.time).encode()),
        (SOURCE, source),
        (SEQUENCE, b"%d" % it.number),
    )
    return Message(it.topic, _encode(values), it.key, partition, headers)


def _id(use_case: AnyUseCase, it: Numbered) -> str:
    """Return an id that no other fact of the source has: one event may have several labels."""
    if isinstance(it.fact, Event):
        return str(getattr(it.fact, use_case.id_field))
    return f"{getattr(it.fact, use_case.of_field)}/{it.number}"

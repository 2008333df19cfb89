"""From records of topics that somebody else writes to facts, as the use case's source maps them.

Pure: what a value says depends on its bytes and on the schema it names, and a registry never changes a schema it gave an
id to.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import msgspec

from millrace.domain.errors import Refused, UseCaseError
from millrace.domain.facts import Event, Label
from millrace.domain.log import Record
from millrace.domain.sources import Debezium, Format, Json, JsonSchema, Time, Topic, Topics
from millrace.domain.usecase import AnyUseCase
from millrace.learning.mapping import Mapper
from millrace.learning.outcomes import Skipped, Unreadable

HEADER = 5
"""Bytes before a value that names its schema: a zero, and the schema's id, big endian (Confluent's wire format)."""
_CHANGED_AT = Time("$source.ts_ms", "ms")


class Schemas(Protocol):
    """Reads values that only a schema explains. Pure: every schema that a value names was fetched before."""

    def read(self, form: Format, data: bytes) -> Any:
        """Return a value as plain data; raise `Refused`, saying why it cannot be read."""


class Reading(NamedTuple):
    """How one topic's rows become facts of one type."""

    topic: Topic
    mapper: Mapper


class Decoding:
    """Reads the records of a mapped source."""

    def __init__(self, use_case: AnyUseCase, source: Topics, schemas: Schemas | None = None) -> None:
        self._schemas = schemas
        self._json = msgspec.json.Decoder().decode
        self._by_topic: dict[str, list[Reading]] = {}
        for topic, kind in ((source.events, use_case.event), (source.labels, use_case.label)):
            if topic is not None and kind is not None:
                mapper = Mapper(kind, topic, _CHANGED_AT if topic.envelope else None)
                self._by_topic.setdefault(topic.name, []).append(Reading(topic, mapper))

    def read(self, record: Record) -> Event | Label | Unreadable | Skipped:
        """Return a record's fact, or why it has none. A topic of events and labels gives the first that fits."""
        if record.value is None:
            return Skipped("tombstone")
        readings = self._by_topic[record.topic]
        try:
            value = self._value(readings[0].topic.format, record.value)
        except (Refused, msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            return Unreadable("undecodable", str(error))
        found: Event | Label | Unreadable | Skipped = Skipped("filtered")
        for reading in readings:
            found = self._fact(reading, value, record)
            if not isinstance(found, Skipped):
                return found
        return found

    def _value(self, form: Format, data: bytes) -> Any:
        if isinstance(form, Json):
            return self._json(data)
        schema_id(data)
        if isinstance(form, JsonSchema):
            return self._json(data[HEADER:])
        if self._schemas is None:
            raise UseCaseError(f"{type(form).__name__} is read by a schema registry; say MILLRACE_SCHEMA_REGISTRY=URL")
        return self._schemas.read(form, data)

    @staticmethod
    def _fact(reading: Reading, value: Any, record: Record) -> Event | Label | Unreadable | Skipped:
        envelope = reading.topic.envelope
        row = value if envelope is None else change(value, envelope)
        if isinstance(row, Unreadable | Skipped):
            return row
        if not isinstance(row, dict):
            return Unreadable("invalid", f"the value is {type(row).__name__}, not an object with fields")
        row["$key"] = None if record.key is None else record.key.decode(errors="replace")
        row["$timestamp"] = record.timestamp
        return reading.mapper.read(row)


def schema_id(data: bytes) -> int:
    """Return the id of the schema that a value names; raise `Refused` when it names none."""
    if len(data) < HEADER or data[0] != 0:
        raise Refused(
            f"it names no schema: it begins with {data[:HEADER].hex(' ')}, not with 00 and four bytes of an id"
        )
    return int.from_bytes(data[1:HEADER], "big")


def change(value: Any, envelope: Debezium) -> dict[str, Any] | Unreadable | Skipped:
    """Return the row that a change event of Debezium tells of."""
    if isinstance(value, dict) and value.keys() == {"schema", "payload"}:
        value = value["payload"]
    if value is None:
        return Skipped("tombstone")
    if not isinstance(value, dict) or "op" not in value:
        return Unreadable("invalid", "it has no field 'op': no change event; for flattened ones leave the envelope out")
    op, source = value["op"], value.get("source")
    at = source.get("ts_ms") if isinstance(source, dict) else None
    if op not in envelope.ops:
        return Skipped(f"op {op}", at * 1_000 if isinstance(at, int) else 0)
    row = value.get("before" if op == "d" else "after")
    if not isinstance(row, dict):
        return Unreadable("invalid", f"op {op!r} comes without the row it speaks of")
    return {**row, "$op": op, "$before": value.get("before"), "$source": source, "$ts_ms": value.get("ts_ms")}

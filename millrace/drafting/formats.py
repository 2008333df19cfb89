"""In which format the records of a topic are, found out by looking at them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from millrace.adapters.bus.port import Record
from millrace.adapters.schemas.registry import SchemaRegistry
from millrace.adapters.schemas.table import reader_of
from millrace.domain.errors import Refused
from millrace.domain.sources import Avro, Format, Json, JsonSchema, Protobuf
from millrace.learning.decoding import HEADER, schema_id

Read = Callable[[bytes], Any]
BY_KIND: Mapping[str, Format] = {"AVRO": Avro(), "PROTOBUF": Protobuf(), "JSON": JsonSchema()}
"""Formats by what a registry calls them."""


class Reading(NamedTuple):
    """A format, and what reads a value that is in it; that raises `Refused` or `msgspec.DecodeError` for what is not."""

    format: Format
    read: Read


async def reading_of(topic: str, records: Sequence[Record], registry: SchemaRegistry | None) -> Reading:
    """Return the format most records are in.

    Raises `Refused` where they name a schema and no registry is known, or it has no such schema.
    """
    json = msgspec.json.Decoder().decode
    named = [it.value for it in records if it.value and len(it.value) >= HEADER and it.value[0] == 0]
    if 2 * len(named) <= len(records):
        return Reading(Json(), json)
    numbers = sorted({schema_id(it) for it in named})
    if registry is None:
        return _without_registry(topic, named, numbers)
    fetched = {number: await registry.fetch(number) for number in numbers}
    form = BY_KIND.get(fetched[schema_id(named[-1])].kind)
    if form is None:
        raise Refused(
            f"the newest record of {topic} names schema {schema_id(named[-1])}, which the registry does not have"
        )
    if isinstance(form, JsonSchema):
        return Reading(form, _behind_header)
    readers = {number: reader_of(form, number, it) for number, it in fetched.items()}
    return Reading(form, lambda data: _by_schema(readers, data))


def _by_schema(readers: Mapping[int, Read | str], data: bytes) -> Any:
    read = readers[schema_id(data)]
    if isinstance(read, str):
        raise Refused(read)
    return read(data[HEADER:])


def _behind_header(data: bytes) -> Any:
    schema_id(data)
    return msgspec.json.decode(data[HEADER:])


def _without_registry(topic: str, named: Sequence[bytes], numbers: Sequence[int]) -> Reading:
    """Return what reads JSON behind a header; nothing else can be read without a registry."""
    try:
        for it in named:
            _behind_header(it)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        shown = ", ".join(map(str, numbers[:3]))
        raise Refused(
            f"the records of {topic} name schemas ({shown}): say where their registry is, as MILLRACE_SCHEMA_REGISTRY=URL"
        ) from error
    return Reading(JsonSchema(), _behind_header)


def is_change(value: Any) -> bool:
    """Tell whether a value is a change event of Debezium."""
    if isinstance(value, Mapping) and value.keys() == {"schema", "payload"}:
        value = value["payload"]
    return isinstance(value, Mapping) and {"op", "source"} <= value.keys() and bool({"before", "after"} & value.keys())

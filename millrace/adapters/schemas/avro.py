"""Reads Avro by the schema it was written with."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import msgspec

from millrace.adapters.schemas.registry import Fetched
from millrace.domain.errors import NotReady, Refused


def avro_reader(schema: Fetched) -> Callable[[bytes], Any]:
    """Return what reads the bytes of a value; it raises `Refused` for what the schema does not fit."""
    try:
        import fastavro
    except ImportError as error:
        raise NotReady("Avro is read with fastavro: pip install 'millrace[sources]'") from error

    named: dict[str, Any] = {}
    for _, text in schema.needs:
        fastavro.parse_schema(_with_text_ids(msgspec.json.decode(text)), named_schemas=named)
    parsed = fastavro.parse_schema(_with_text_ids(msgspec.json.decode(schema.schema)), named_schemas=named)

    def read(data: bytes) -> Any:
        try:
            return fastavro.schemaless_reader(io.BytesIO(data), parsed, None)
        except Exception as error:  # fastavro raises what its parts raise: struct.error, EOFError, IndexError, …
            raise Refused(f"the bytes do not fit their Avro schema: {type(error).__name__} {error}") from error

    return read


def _with_text_ids(schema: Any) -> Any:
    """Return a schema in which UUIDs are the texts that they are written as: an id is a text, wherever it comes from."""
    if isinstance(schema, list):
        return [_with_text_ids(it) for it in schema]
    if not isinstance(schema, dict):
        return schema
    is_id = schema.get("type") == "string" and schema.get("logicalType") == "uuid"
    return {name: _with_text_ids(it) for name, it in schema.items() if not (is_id and name == "logicalType")}

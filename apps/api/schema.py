"""The event's JSON Schema: what the type says, with units and the form of times."""

from __future__ import annotations

from typing import Any

import msgspec

from millrace.domain.fields import extras
from millrace.domain.usecase import AnyUseCase

DEFS = "#/$defs/{name}"


def event_schema(use_case: AnyUseCase, ref_template: str = DEFS) -> dict[str, Any]:
    """Return the schema of a use case's event, with its definitions under `$defs`."""
    (schema,), components = components_of(use_case, ref_template)
    return {**schema, "$defs": components}


def components_of(use_case: AnyUseCase, ref_template: str) -> tuple[tuple[dict[str, Any], ...], dict[str, Any]]:
    """Return the schema of a use case's event as a reference, and the definitions it refers to."""
    schemas, components = msgspec.json.schema_components([use_case.event], ref_template=ref_template)
    _annotate(components[use_case.event.__name__]["properties"], use_case)
    return schemas, components


def _annotate(properties: dict[str, Any], use_case: AnyUseCase) -> None:
    said = extras(use_case.event)
    info = msgspec.inspect.type_info(use_case.event)
    assert isinstance(info, msgspec.inspect.StructType)
    for field in info.fields:
        unit = said[field.name].get("unit")
        its = properties[field.encode_name]
        if unit:
            its["unit"] = unit
        if _is_time(field.type):
            its["format"] = "date-time"


def _is_time(kind: msgspec.inspect.Type) -> bool:
    """Tell whether a field holds a time: msgspec states the form of those only that must have a time zone."""
    if isinstance(kind, msgspec.inspect.Metadata):
        return _is_time(kind.type)
    if isinstance(kind, msgspec.inspect.UnionType):
        return any(_is_time(option) for option in kind.types)
    return isinstance(kind, msgspec.inspect.DateTimeType)

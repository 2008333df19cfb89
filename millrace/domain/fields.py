"""What a field of an event or a label is: its role, its unit. The wire, the form and the checks read it here."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

T = TypeVar("T")

Id = Annotated[T, Meta(extra={"role": "id"})]
"""What names an event, once and for all: `Id[str]`."""
Key = Annotated[T, Meta(extra={"role": "key"})]
"""The entity an event is about; records of one key keep their order: `Key[str]`."""
Of = Annotated[T, Meta(extra={"role": "of"})]
"""In a label, the id of the event it is the truth about: `Of[str]`."""

Minutes = Annotated[float, Meta(extra={"unit": "min"})]
Seconds = Annotated[float, Meta(extra={"unit": "s"}, ge=0)]
Km = Annotated[float, Meta(extra={"unit": "km"}, ge=0)]
Miles = Annotated[float, Meta(extra={"unit": "mi"}, ge=0)]
Celsius = Annotated[float, Meta(extra={"unit": "°C"}, ge=-90, le=70)]
Fahrenheit = Annotated[float, Meta(extra={"unit": "°F"}, ge=-130, le=160)]
Percent = Annotated[float, Meta(extra={"unit": "%"}, ge=0, le=100)]
Money = Annotated[float, Meta(extra={"unit": "money"})]


def roles(kind: type[msgspec.Struct]) -> dict[str, str]:
    """Return the role each field of a struct has (`id`, `key`, `of`), by field name in the struct."""
    return {name: extra["role"] for name, extra in extras(kind).items() if "role" in extra}


def extras(kind: type[msgspec.Struct]) -> dict[str, dict[str, Any]]:
    """Return what each field says of itself beyond its type (`role`, `unit`), by field name."""
    info = msgspec.inspect.type_info(kind)
    assert isinstance(info, msgspec.inspect.StructType)
    return {field.name: _extra(field.type) for field in info.fields}


def _extra(kind: msgspec.inspect.Type) -> dict[str, Any]:
    if isinstance(kind, msgspec.inspect.Metadata):
        return {**_extra(kind.type), **(kind.extra or {})}
    if isinstance(kind, msgspec.inspect.UnionType):
        return {key: value for option in kind.types for key, value in _extra(option).items()}
    return {}

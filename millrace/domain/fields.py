"""What a field of an event or a label is: its role, its unit. The wire, the form and the checks read it here."""

from __future__ import annotations

from math import asin, cos, radians, sin, sqrt
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
"""A span of time; below 0 it is early."""
Seconds = Annotated[float, Meta(extra={"unit": "s"}, ge=0)]
"""A span of time, not below 0."""
Km = Annotated[float, Meta(extra={"unit": "km"}, ge=0)]
"""A distance, not below 0."""
Miles = Annotated[float, Meta(extra={"unit": "mi"}, ge=0)]
"""A distance, not below 0."""
Celsius = Annotated[float, Meta(extra={"unit": "°C"}, ge=-90, le=70)]
"""A temperature of the air."""
Fahrenheit = Annotated[float, Meta(extra={"unit": "°F"}, ge=-130, le=160)]
"""A temperature of the air."""
Percent = Annotated[float, Meta(extra={"unit": "%"}, ge=0, le=100)]
"""A share, 0 to 100."""
Money = Annotated[float, Meta(extra={"unit": "money"})]
"""An amount, in whatever currency the event says."""
Latitude = Annotated[float, Meta(extra={"unit": "°"}, ge=-90, le=90)]
Longitude = Annotated[float, Meta(extra={"unit": "°"}, ge=-180, le=180)]

_EARTH_RADIUS = 6371.0
"""Kilometres, the mean."""


class Location(msgspec.Struct, frozen=True):
    """A place on earth (WGS 84). Forms and maps know one by this type."""

    lat: Latitude
    lon: Longitude

    def km_to(self, other: Location) -> float:
        """Return the kilometres to another place along a great circle (haversine formula).

        >>> round(Location(52.52, 13.405).km_to(Location(48.137, 11.575)))
        504
        """
        south, north = radians(self.lat), radians(other.lat)
        up, across = sin((north - south) / 2), sin(radians(other.lon - self.lon) / 2)
        return 2 * _EARTH_RADIUS * asin(min(1.0, sqrt(up * up + cos(south) * cos(north) * across * across)))


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

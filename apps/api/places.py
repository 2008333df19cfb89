"""Where the newest events took place: their fields of type `Location`, by event."""

from __future__ import annotations

from collections import OrderedDict
from operator import attrgetter
from typing import Any

import msgspec

from millrace.domain.facts import Event
from millrace.domain.fields import Location
from millrace.domain.log import Record
from millrace.domain.usecase import AnyUseCase
from millrace.learning.decoding import Schemas
from millrace.learning.intake import Intake


def location_fields(event: type[Event]) -> list[str]:
    """Return an event's fields that hold a place, in their order."""
    info = msgspec.inspect.type_info(event)
    assert isinstance(info, msgspec.inspect.StructType)
    return [field.name for field in info.fields if _is_place(field.type)]


def _is_place(kind: msgspec.inspect.Type) -> bool:
    if isinstance(kind, msgspec.inspect.Metadata):
        return _is_place(kind.type)
    if isinstance(kind, msgspec.inspect.UnionType):
        return any(_is_place(option) for option in kind.types)
    return isinstance(kind, msgspec.inspect.StructType) and issubclass(kind.cls, Location)


class Places:
    """The places of the events that came last, at most `kept`."""

    def __init__(self, use_case: AnyUseCase, fields: list[str], kept: int, schemas: Schemas | None) -> None:
        self._kept = kept
        self._fields = fields
        self._id_of = attrgetter(use_case.id_field)
        self._read = Intake(use_case, schemas).read
        self._by_event: OrderedDict[str, dict[str, Location]] = OrderedDict()

    def take(self, record: Record) -> None:
        """Remember an event's places."""
        event: Any = self._read(record).fact
        if not isinstance(event, Event):
            return
        found = {name: place for name in self._fields if (place := getattr(event, name)) is not None}
        self._by_event[str(self._id_of(event))] = found
        if len(self._by_event) > self._kept:
            self._by_event.popitem(last=False)

    def of(self, event_id: str) -> dict[str, Location]:
        """Return an event's places by field; none where it is not among the newest."""
        return self._by_event.get(event_id, {})

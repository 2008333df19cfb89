"""Facts: what happened (events) and the truth about it, later (labels)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, dataclass_transform

import msgspec
from msgspec import Meta

from millrace.domain.times import Micros, micros

Moment = Annotated[datetime, Meta(tz=True)]
"""A moment with its time zone; RFC 3339 on the wire."""


class _Frozen(msgspec.StructMeta):
    """Makes every subclass frozen and its arguments keywords; `dataclass_transform` tells type checkers so."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **config: Any) -> type[Any]:
        """Make a struct type; `frozen` and `kw_only` unless told otherwise."""
        return super().__new__(mcs, name, bases, namespace, **{"frozen": True, "kw_only": True, **config})


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Event(msgspec.Struct, metaclass=_Frozen, frozen=True, kw_only=True):
    """Something that happened, at `occurred_at`. A use case's event type is a subclass of it."""

    occurred_at: Moment


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Label(msgspec.Struct, metaclass=_Frozen, frozen=True, kw_only=True):
    """The truth about an event, later: it names its event and says when it became known."""

    known_at: Moment


def available_at(fact: Event | Label) -> Micros:
    """Return when a fact could be known: an event when it happened, a label when its truth came out."""
    return micros(fact.occurred_at if isinstance(fact, Event) else fact.known_at)

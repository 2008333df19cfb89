"""Facts: what happened (events) and the truth about it, later (labels)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, dataclass_transform

import msgspec
from msgspec import Meta

Moment = Annotated[datetime, Meta(tz=True)]
"""A moment with its time zone; RFC 3339 on the wire."""


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class _Frozen(msgspec.StructMeta):
    """Tells type checkers what msgspec does anyway: a subclass of a frozen struct is frozen and takes keywords only."""


class Event(msgspec.Struct, metaclass=_Frozen, frozen=True, kw_only=True):
    """Something that happened, at `occurred_at`. A use case's event type is a subclass of it."""

    occurred_at: Moment


class Label(msgspec.Struct, metaclass=_Frozen, frozen=True, kw_only=True):
    """The truth about an event, later: it names its event and says when it became known."""

    known_at: Moment

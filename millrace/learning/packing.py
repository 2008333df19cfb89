"""What waits in the ledger, packed: MessagePack of an event, its features and its predictions.

Packed, an entry takes a tenth of the room it takes as objects; packing and unpacking it takes about as long as a light
model's prediction. So a ledger that is short keeps its entries as they are, and packs them where they are written down.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import UTC
from operator import attrgetter
from typing import Any

import msgspec

from millrace.domain.facts import Event
from millrace.domain.usecase import Features

Predictions = Mapping[str, float]

_PLAIN = (
    msgspec.inspect.StrType,
    msgspec.inspect.IntType,
    msgspec.inspect.FloatType,
    msgspec.inspect.BoolType,
    msgspec.inspect.NoneType,
    msgspec.inspect.LiteralType,
    msgspec.inspect.EnumType,
)


class Shapes:
    """The names that dicts of features and predictions have, kept once.

    It saves room, and time too: models look features up by name, and names that are the same objects every time are
    found several times as fast as equal ones made anew.
    """

    def __init__(self) -> None:
        self.known: list[tuple[str, ...]] = []
        self._numbers: dict[tuple[str, ...], int] = {}

    def number(self, of: Mapping[str, Any]) -> int:
        """Return the number of a dict's names."""
        names = tuple(of)
        number = self._numbers.get(names)
        if number is None:
            number = self._numbers[names] = len(self.known)
            self.known.append(names)
        return number

    def names(self, number: int) -> tuple[str, ...]:
        """Return the names that have a number."""
        return self.known[number]

    def load(self, known: list[tuple[str, ...]]) -> None:
        """Take over what others kept."""
        self.known = [tuple(map(sys.intern, names)) for names in known]
        self._numbers = {names: number for number, names in enumerate(self.known)}


class Packing:
    """Packs and unpacks what waits for one type of events."""

    def __init__(self, event: type[Event]) -> None:
        self.shapes = Shapes()
        self._encode = msgspec.msgpack.Encoder().encode
        packed = tuple[event, int, list[Any], int, list[float]]  # type: ignore[valid-type]
        self._decode = msgspec.msgpack.Decoder(packed).decode
        self._comes_back_equal = comes_back_equal(event)

    def pack(self, event: Event, features: Features, foreseen: Predictions) -> bytes:
        """Return an event with its features and predictions as bytes."""
        number = self.shapes.number
        return self._encode(
            (event, number(features), list(features.values()), number(foreseen), list(foreseen.values()))
        )

    def unpack(self, packed: bytes) -> tuple[Event, Features, dict[str, float]]:
        """Return what was packed."""
        event, shape, values, shape_foreseen, predicted = self._decode(packed)
        names = self.shapes.names
        return (
            event,
            dict(zip(names(shape), values, strict=True)),
            dict(zip(names(shape_foreseen), predicted, strict=True)),
        )

    def may_stay(self, event: Event) -> bool:
        """Tell whether an event may wait as it is: nobody can tell it from one that was packed and unpacked."""
        return self._comes_back_equal(event)


def comes_back_equal(event: type[Event]) -> Callable[[Event], bool]:
    """Return a test of whether an event is the same after packing and unpacking.

    Plain fields are. Of a moment only the instant is kept, not the zone it was written in, so it must be UTC's. Whatever
    else a field may hold is not looked into: such events are always packed.
    """
    info = msgspec.inspect.type_info(event)
    assert isinstance(info, msgspec.inspect.StructType)
    moments: list[str] = []
    for field in info.fields:
        kinds = set(map(type, _options(field.type)))
        if msgspec.inspect.DateTimeType in kinds:
            moments.append(field.name)
            kinds.discard(msgspec.inspect.DateTimeType)
        if not kinds <= set(_PLAIN):
            return lambda _event: False
    return _in_utc(moments)


def _in_utc(moments: list[str]) -> Callable[[Event], bool]:
    [first, *others] = moments  # every event has `occurred_at`
    if not others:
        its: Callable[[Any], Any] = attrgetter(first)
        return lambda event: its(event).tzinfo is UTC
    all_of = attrgetter(first, *others)

    def in_utc(event: Event) -> bool:
        for moment in all_of(event):  # noqa: SIM110 - `all` of a generator takes twice as long, for every event
            if moment is not None and moment.tzinfo is not UTC:
                return False
        return True

    return in_utc


def _options(kind: msgspec.inspect.Type) -> list[msgspec.inspect.Type]:
    if isinstance(kind, msgspec.inspect.Metadata):
        return _options(kind.type)
    if isinstance(kind, msgspec.inspect.UnionType):
        return [option for each in kind.types for option in _options(each)]
    return [kind]

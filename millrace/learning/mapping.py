"""From a row, as somebody else wrote it, to an event or a label: pure, so that a rebuild reads the same facts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from millrace.domain.facts import Event, Label
from millrace.domain.fields import roles
from millrace.domain.sources import MISSING, From, Mapped, Row, Table, Time
from millrace.domain.times import EPOCH, micros, span
from millrace.learning.outcomes import Skipped, Unreadable

Get = Callable[[Row], Any]
_PER_UNIT = {"s": Decimal(1_000_000), "ms": Decimal(1_000), "us": Decimal(1), "ns": Decimal("0.001")}
_STEP = re.compile(r"[^.\[\]]+|\[\d+\]")


class Mapper:
    """Makes facts of one type from rows."""

    def __init__(self, kind: type[Event] | type[Label], mapped: Mapped, own_time: Time | None = None) -> None:
        self._kind = kind
        self._where = mapped.where
        self._time_field = "occurred_at" if issubclass(kind, Event) else "known_at"
        self._at = moment_at(_time_of(mapped, own_time or Time(self._time_field)))
        self._after = timedelta(microseconds=span(mapped.after)) if mapped.after else timedelta(0)
        self._plan = _plan(kind, mapped, self._time_field)
        usual = MISSING if isinstance(mapped, Table) else ()
        self._missing = frozenset(usual if mapped.missing is None else mapped.missing)
        self._fill = dict(mapped.fill)
        self._drop = frozenset(mapped.drop)

    def read(self, row: Row) -> Event | Label | Unreadable | Skipped:
        """Return the fact a row holds, or why it counts as none."""
        try:
            if self._where is not None and not self._where(row):
                return Skipped("filtered", self._time_if_any(row))
            values = self._values(row)
            if lacking := next((name for name in self._drop if values.get(name) is None), None):
                return Skipped(f"without {lacking}", self._time_if_any(row))
            values[self._time_field] = self._at(row) + self._after
            return msgspec.convert(values, self._kind, strict=False)
        except msgspec.ValidationError as error:
            return Unreadable("invalid", str(error))
        except Exception as error:  # noqa: BLE001 - a row may hold anything, and `where` is an author's code
            return Unreadable("invalid", f"{type(error).__name__}: {error}")

    def _values(self, row: Row) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, get, is_text in self._plan:
            value = self._known(get(row))
            if value is None:
                value = self._fill.get(name)
            if value is not None:
                values[name] = str(value) if is_text and type(value) is int else value
        return values

    def _known(self, value: Any) -> Any:
        """Return a value, or `None` for what stands for nothing; only NaN is not itself."""
        if value != value or (isinstance(value, str) and value in self._missing):
            return None
        return value.isoformat() if isinstance(value, date) and not isinstance(value, datetime) else value

    def _time_if_any(self, row: Row) -> int:
        """Return when a row that is passed over could be known, so that time goes on; 0 when it does not say."""
        try:
            return micros(self._at(row) + self._after)
        except Exception:  # noqa: BLE001 - what is not used need not be right
            return 0


def _time_of(mapped: Mapped, otherwise: Time) -> Time:
    return Time(mapped.time) if isinstance(mapped.time, str) else mapped.time or otherwise


def _plan(kind: type[msgspec.Struct], mapped: Mapped, time_field: str) -> list[tuple[str, Get, bool]]:
    """Return what is read of a row for each field but the time: its name, the way to it, whether it is a text."""
    by_role = {"id": mapped.id, "key": mapped.key, "of": mapped.of}
    given = {name: it for name, role in roles(kind).items() if (it := by_role[role]) is not None}
    texts = _texts(kind)
    return [
        (field.encode_name, getter({**given, **mapped.fields}.get(field.name, field.name)), field.name in texts)
        for field in msgspec.structs.fields(kind)
        if field.name != time_field
    ]


def _texts(kind: type[msgspec.Struct]) -> set[str]:
    """Return the fields that hold texts: a number somebody else uses as a name is taken as its digits."""
    info = msgspec.inspect.type_info(kind)
    assert isinstance(info, msgspec.inspect.StructType)
    return {field.name for field in info.fields if _is_text(field.type)}


def _is_text(kind: msgspec.inspect.Type) -> bool:
    if isinstance(kind, msgspec.inspect.Metadata):
        return _is_text(kind.type)
    if isinstance(kind, msgspec.inspect.UnionType):
        return all(isinstance(it, msgspec.inspect.NoneType) or _is_text(it) for it in kind.types)
    return isinstance(kind, msgspec.inspect.StrType)


def getter(path: From) -> Get:
    """Return the way to what a path names; `None` where a row has no such thing. A name with dots goes before a path."""
    if callable(path):
        return path
    steps = [int(it[1:-1]) if it.startswith("[") else it for it in _STEP.findall(path)]

    def get(row: Row) -> Any:
        return row[path] if path in row else _follow(row, steps)

    return get


def _follow(value: Any, steps: list[str | int]) -> Any:
    for step in steps:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list | tuple) and step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, Mapping) else None
        if value is None:
            return None
    return value


def moment_at(time: Time) -> Callable[[Row], datetime]:
    """Return the way to a row's time, in UTC; it raises `ValueError`, saying what a time should look like."""
    get, zone = getter(time.path), UTC if time.zone == "UTC" else ZoneInfo(time.zone)
    read = _reader(time)

    def at(row: Row) -> datetime:
        written = get(row)
        if written is None or written == "":
            raise ValueError(f"there is no time at {time.where}")
        return _zoned(_as_moment(written) or read(written), zone)

    return at


def _as_moment(written: Any) -> datetime | None:
    """Return what is a time already (Avro and Parquet have types for it)."""
    if isinstance(written, datetime):
        return written
    return datetime(written.year, written.month, written.day) if isinstance(written, date) else None  # noqa: DTZ001


def _zoned(moment: datetime, zone: tzinfo) -> datetime:
    """Return a moment in UTC; an hour that a zone has twice is taken the first time."""
    return (moment.replace(tzinfo=zone) if moment.tzinfo is None else moment).astimezone(UTC)


def _reader(time: Time) -> Callable[[Any], datetime]:
    if time.form == "iso":
        return lambda written: _iso(written, time.where)
    if time.form in _PER_UNIT:
        factor = _PER_UNIT[time.form]
        return lambda written: _since_1970(written, factor, time)
    return lambda written: datetime.strptime(str(written).strip(), time.form)  # noqa: DTZ007 - the zone comes after


def _iso(written: Any, where: str) -> datetime:
    if not isinstance(written, str):
        raise ValueError(f"{where} is {written!r}, no ISO time; say how it is written, as in Time({where}, 'ms')")
    return datetime.fromisoformat(written.strip())


def _since_1970(written: Any, factor: Decimal, time: Time) -> datetime:
    try:
        return EPOCH + timedelta(microseconds=int(Decimal(str(written).strip()) * factor))
    except (InvalidOperation, ValueError):
        raise ValueError(f"{time.where} is {written!r}, no number of {time.form} since 1970") from None

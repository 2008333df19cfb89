"""Where a use case's facts come from when they exist already: topics and files of any form, mapped onto its types.

A mapping names *paths*: `order.id` is the field `id` of the field `order`; `lines[0].price` reaches into a list. What a
record says beside its value begins with `$`: `$key` (the record's key as text), `$timestamp` (Kafka's, milliseconds),
`$line` (of a file), and of a change event `$op`, `$before` and `$source`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from millrace.domain.errors import UseCaseError
from millrace.domain.times import span

Row = Mapping[str, Any]
"""A record or a line of a table, as it was written."""
Where = Callable[[Row], object]
"""Tells whether a row counts. It must be pure: the same row, the same answer, in every process."""
From = str | Callable[[Row], Any]
"""Where a field comes from: a path, or a pure function of the row."""


MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?")
"""Texts that stand for nothing in most tables."""


class Time(msgspec.Struct, frozen=True):
    """Where a row says when, and how it is written.

    `path` is where it stands, or a pure function of the row where it stands in several places. `form` is `iso` (RFC 3339 or
    ISO 8601), `s`, `ms`, `us` or `ns` since 1970, or a pattern of `strptime` as in `%d.%m.%Y %H:%M`. `zone` (IANA, as in
    `Europe/Berlin`) is that of times which name none.
    """

    path: From
    form: str = "iso"
    zone: str = "UTC"

    @property
    def where(self) -> str:
        """Return the place in words, for messages."""
        return repr(self.path) if isinstance(self.path, str) else "what its function makes of the row"


class Json(msgspec.Struct, frozen=True):
    """One JSON object a record."""


class JsonSchema(msgspec.Struct, frozen=True):
    """JSON behind the header of a schema registry: a zero byte and four bytes with the schema's id."""


class Avro(msgspec.Struct, frozen=True):
    """Avro behind the header of a schema registry; read by the schema it was written with."""


class Protobuf(msgspec.Struct, frozen=True):
    """Protocol Buffers behind the header of a schema registry, with the indexes of the message in its file."""


Format = Json | JsonSchema | Avro | Protobuf


class Debezium(msgspec.Struct, frozen=True):
    """Records are Debezium's change events, with or without the schema wrapper of Kafka Connect.

    `ops` are the changes that count: `c` create, `u` update, `r` read by a snapshot, `d` delete; others are passed over.
    A row is then what the table's row became (`after`; for `d` what it was), with `$op`, `$before`, `$source` and
    `$ts_ms` beside its columns.
    """

    ops: str = "cru"


Derive = Callable[[Any, Any], Any]
"""Makes the label of an event and the label as it was read; it must be pure."""


class Mapped(msgspec.Struct, frozen=True, kw_only=True):
    """How a row becomes an event or a label. A field that is not named has the path of its own name.

    `id`, `key` and `of` say where the fields with these roles come from, `fields` the others, by field name. `time` is
    that of `occurred_at` or `known_at`; a text alone is the path of an ISO time. `after` is added to it, as in `1h`: what
    is known so long after the event. `where` tells which rows count; others are counted as skipped. `missing` are the
    texts that stand for nothing (in a table `MISSING`, in a topic none, unless told otherwise); `fill` has what is taken
    for nothing instead, by field name; a row in which a field of `drop` is nothing is left out and counted.
    """

    id: From | None = None
    key: From | None = None
    of: From | None = None
    time: Time | str | None = None
    after: str | None = None
    fields: Mapping[str, From] = {}
    where: Where | None = None
    missing: tuple[str, ...] | None = None
    fill: Mapping[str, Any] = {}
    drop: tuple[str, ...] = ()


class Topic(Mapped, frozen=True):
    """A topic that somebody else writes. It is read, never written and never made.

    `partitions` may say how many it has: the trainer then refuses another number.
    """

    name: str
    format: Format = Json()
    envelope: Debezium | None = None
    partitions: int | None = None


class Topics(msgspec.Struct, frozen=True, kw_only=True):
    """A source of topics. `labels` may name the topic of the events again: a later record of it is then the label.

    `derive` makes the label that is learnt of the event and of the label as it was read, where that is not all of it: how
    long it took, say. It is called when the label is settled.
    """

    events: Topic
    labels: Topic | None = None
    derive: Derive | None = None
    about: str = ""
    licence: str = ""


class Side(msgspec.Struct, frozen=True):
    """A table whose columns are joined to each row: `on` is the path in the row, `by` the column of the side table.

    Its columns are reached as `name.column`, where `name` is the name it was given under `joined`.
    """

    path: str
    on: str
    by: str
    separator: str = ","
    encoding: str = "utf-8-sig"


class Table(Mapped, frozen=True):
    """A file of rows: CSV, JSON lines or Parquet, told by its ending; `.gz` and `.zip` are unpacked.

    `path` is taken from the folder of the use case's file. `separator` is that of CSV; a space stands for any run of
    spaces and tabs. `columns` names the columns of a file without a header line. `joined` are side tables, by name.
    """

    path: str
    separator: str = ","
    encoding: str = "utf-8-sig"
    columns: tuple[str, ...] = ()
    joined: Mapping[str, Side] = {}


class Files(msgspec.Struct, frozen=True, kw_only=True):
    """A source of files. `labels` may name the file of the events again, or another one that names their ids.

    `derive` is as in `Topics`. `unsorted` says what to do with events that are not in the order of time: sort them, or
    refuse the file. A file of which more than the share `bad_rows` cannot be read is refused; below it, each bad row is
    counted and shown.
    """

    events: Table
    labels: Table | None = None
    derive: Derive | None = None
    unsorted: Literal["sort", "refuse"] = "sort"
    bad_rows: float = 0.05
    about: str = ""
    licence: str = ""


def refuse_misfit(
    name: str, source: Files | Topics, event: type[msgspec.Struct], label: type[msgspec.Struct] | None
) -> None:
    """Raise `UseCaseError` where a mapping does not fit the types it maps onto."""
    if label is not None and source.labels is None:
        raise UseCaseError(
            f"{name} learns from {label.__name__}, but its source has no labels: say labels={type(source.events).__name__}(…)"
        )
    for mapped, kind in ((source.events, event), (source.labels, label)):
        if mapped is not None and kind is not None:
            _refuse_unknown_fields(name, mapped, kind)
            _refuse_bad_times(name, mapped)
    if isinstance(source, Topics) and source.labels is not None:
        _refuse_two_forms(name, source.events, source.labels)


def _refuse_unknown_fields(name: str, mapped: Mapped, kind: type[msgspec.Struct]) -> None:
    fields = [it.name for it in msgspec.structs.fields(kind)]
    for field in (*mapped.fields, *mapped.fill, *mapped.drop):
        if field not in fields:
            near = difflib.get_close_matches(field, fields, n=1)
            meant = f"; is {near[0]} meant?" if near else f"; it has: {', '.join(fields)}"
            raise UseCaseError(f"{name}: its source maps {field!r}, but {kind.__name__} has no such field{meant}")


def _refuse_bad_times(name: str, mapped: Mapped) -> None:
    if mapped.after:
        span(mapped.after)
    time = mapped.time
    if not isinstance(time, Time):
        return
    if time.form not in ("iso", "s", "ms", "us", "ns") and "%" not in time.form:
        raise UseCaseError(
            f"{name}: the time at {time.where} is written {time.form!r}; that is none of iso, s, ms, us, ns, nor a "
            f"pattern as '%d.%m.%Y %H:%M'"
        )
    try:
        ZoneInfo(time.zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise UseCaseError(
            f"{name}: there is no time zone {time.zone!r}; zones are named as in 'Europe/Berlin'"
        ) from error


def _refuse_two_forms(name: str, events: Topic, labels: Topic) -> None:
    if events.name == labels.name and events.format != labels.format:
        raise UseCaseError(
            f"{name}: {events.name} is read as {events.format} for events and as {labels.format} for labels"
        )

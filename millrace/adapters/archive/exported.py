"""Writes predictions or labels of a log to a Parquet file, a batch at a time; the file is whole, or it is not there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import inspect

from millrace.adapters.bus.port import Bus, Reader, Record, TopicPartition
from millrace.adapters.schemas.table import SchemaTable
from millrace.domain.errors import NotReady, Refused
from millrace.domain.facts import Label
from millrace.domain.records import Prediction
from millrace.domain.usecase import AnyUseCase
from millrace.learning.intake import Intake

Kind = Literal["predictions", "labels"]
Write = Callable[[list[dict[str, Any]]], None]
Progress = Callable[[int, int], None]
"""Is told how many offsets are passed, and of how many."""

ROWS = 10_000
"""Most records held in memory at once."""
SILENT_AFTER = 30
"""Seconds without a record, before the end as it was at the start, after which the log is said not to answer."""


class Span(NamedTuple):
    """From when (included) to when (not included), in the stream's time; `None` is open."""

    since: datetime | None = None
    until: datetime | None = None

    def has(self, at: datetime) -> bool:
        """Tell whether a moment lies in it."""
        return (self.since is None or at >= self.since) and (self.until is None or at < self.until)


class Exported(msgspec.Struct):
    """What was written: rows; records outside the span; and records that are no label, or do not read."""

    rows: int = 0
    outside: int = 0
    unreadable: int = 0


async def export(
    kind: Kind,
    use_case: AnyUseCase,
    bus: Bus,
    to: Path,
    span: Span,
    schemas: SchemaTable | None = None,
    progress: Progress | None = None,
) -> Exported:
    """Write what a topic holds now, as far as it is committed: predictions by `occurred_at`, labels by `known_at`.

    Columns are the fields, then `partition` and `offset`; a value that is neither text, number, truth value nor time is
    JSON. Raises `Refused` where there is no such topic, or labels that only the learner makes of events.
    """
    if kind == "labels" and (use_case.label is None or use_case.derive):
        raise Refused(
            f"{use_case.name} has no topic of labels: there is no truth, or the learner derives it from events"
        )
    fields, read = _reading(kind, use_case, schemas)
    count = Exported()
    with parquet_file(to, _schema(fields)) as write:
        async for records in records_of(bus, use_case.topic(kind), schemas, progress or (lambda _done, _of: None)):
            write(list(_rows(records, read, span, count)))
    return count


def _rows(
    records: list[Record], read: Callable[[Record], tuple[datetime, Any] | None], span: Span, count: Exported
) -> Iterator[dict[str, Any]]:
    for record in records:
        found = read(record)
        if found is None:
            count.unreadable += 1
        elif not span.has(found[0]):
            count.outside += 1
        else:
            count.rows += 1
            yield {**msgspec.structs.asdict(found[1]), "partition": record.partition, "offset": record.offset}


def _reading(
    kind: Kind, use_case: AnyUseCase, schemas: SchemaTable | None
) -> tuple[type[msgspec.Struct], Callable[[Record], tuple[datetime, Any] | None]]:
    """Return the type of what a topic holds, and what reads a record: its time and itself, or `None`."""
    if kind == "predictions":
        decode = msgspec.json.Decoder(Prediction).decode

        def predicted(record: Record) -> tuple[datetime, Any]:
            found = decode(record.value or b"")
            return found.occurred_at, found

        return Prediction, predicted
    intake, label = Intake(use_case, schemas), use_case.label
    assert label is not None, "refused before"

    def labelled(record: Record) -> tuple[datetime, Any] | None:
        fact = intake.read(record).fact
        return (fact.known_at, fact) if isinstance(fact, Label) else None

    return label, labelled


async def records_of(
    bus: Bus, topic: str, schemas: SchemaTable | None, progress: Progress
) -> AsyncIterator[list[Record]]:
    """Yield what a topic holds from its beginning to its end as it is now."""
    partitions = (await bus.partitions([topic]))[topic]
    if not partitions:
        raise Refused(f"there is no topic {topic!r} on this log; `millrace status` shows what runs")
    where = [TopicPartition(topic, number) for number in range(partitions)]
    first, end = await bus.beginning(where), await bus.end(where)
    whole = sum(end.values()) - sum(first.values())
    reader = await bus.reader(first)
    silent = 0
    try:
        while left := sum(max(0, end[it] - reader.position(it)) for it in where):
            records = await _some(reader, end, schemas)
            silent = 0 if records else silent + 1
            if silent >= SILENT_AFTER:
                raise NotReady(f"{left} records of {topic} did not come within {SILENT_AFTER} seconds")
            yield records
            progress(whole - left, whole)
    finally:
        await reader.close()


async def _some(reader: Reader, end: dict[TopicPartition, int], schemas: SchemaTable | None) -> list[Record]:
    found = await reader.read(timeout=1.0, max_records=ROWS)
    if schemas is not None and not await schemas.explain(found):
        raise NotReady(f"the schemas of these records are not known: {schemas.trouble}")
    return [it for where, records in found.items() for it in records if it.offset < end[where]]


@contextmanager
def parquet_file(to: Path, schema: Any) -> Iterator[Write]:
    """Give what writes rows of an Arrow schema; the file gets its name when all is written, and is taken away when it is not."""
    import pyarrow as pa
    from pyarrow import parquet

    as_json = {it.name for it in schema if (it.metadata or {}).get(b"as") == b"json"}
    part = to.with_name(f".{to.name}.part")
    try:
        with parquet.ParquetWriter(part, schema) as file:

            def write(rows: list[dict[str, Any]]) -> None:
                if rows:
                    plain = [{name: _plain(it, name in as_json) for name, it in row.items()} for row in rows]
                    file.write_table(pa.Table.from_pylist(plain, schema=schema))

            yield write
        part.replace(to)
    finally:
        part.unlink(missing_ok=True)


def _plain(value: Any, as_json: bool) -> Any:
    return msgspec.json.encode(value).decode() if as_json and value is not None else value


def _schema(fields: type[msgspec.Struct]) -> Any:
    import pyarrow as pa

    found = []
    for it in inspect.type_info(fields).fields:  # type: ignore[attr-defined]
        kind = _column(it.type)
        found.append(pa.field(it.name, kind or pa.string(), metadata=None if kind else {"as": "json"}))
    return pa.schema([*found, pa.field("partition", pa.int32()), pa.field("offset", pa.int64())])


def _column(kind: inspect.Type) -> Any:
    """Return the column's type for a field's; `None` where it has no plain one."""
    import pyarrow as pa

    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    if isinstance(kind, inspect.UnionType):
        real = [it for it in kind.types if not isinstance(it, inspect.NoneType)]
        return _column(real[0]) if len(real) == 1 else None
    if isinstance(kind, inspect.LiteralType):
        return pa.string() if all(isinstance(it, str) for it in kind.values) else None
    plain = {
        inspect.StrType: pa.string(),
        inspect.FloatType: pa.float64(),
        inspect.IntType: pa.int64(),
        inspect.BoolType: pa.bool_(),
        inspect.DateTimeType: pa.timestamp("us", "UTC"),
    }
    return plain.get(type(kind))

"""The newest records of a topic: read, their format found out, their fields named by their paths.

Nothing is committed and no group is joined: to whoever else reads the topic it did not happen.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from millrace.adapters.bus.port import Bus, Record, TopicPartition
from millrace.adapters.schemas.registry import SchemaRegistry
from millrace.domain.errors import NotReady, Refused
from millrace.domain.sources import MISSING, Debezium, Topic
from millrace.drafting.columns import Rows
from millrace.drafting.formats import Reading, is_change, reading_of
from millrace.drafting.reading import flat
from millrace.learning.decoding import change
from millrace.learning.outcomes import Skipped, Unreadable

OP = "$op"
CHANGED_AT = "$source.ts_ms"
SILENT_AFTER = 10
"""Seconds without a record that is known to be there after which the log is said not to answer."""
PLAIN = (str, int, float, bool, date, Decimal)
"""What a field can be drafted from; others (bytes, say) are left out."""


class Sampled(NamedTuple):
    """A topic as its newest records show it. `unreadable` of the `records` do not read; `why` says so of the first."""

    topic: Topic
    rows: Rows
    records: int
    unreadable: int
    why: str

    def of_ops(self, ops: str) -> Rows:
        """Return the rows that came of some changes; all of them where records are no changes."""
        if self.topic.envelope is None:
            return self.rows
        return [{name: it for name, it in row.items() if name != OP} for row in self.rows if row[OP] in ops]

    def by_ops(self, ops: str) -> Topic:
        """Return the topic with the changes that count; as it is where records are no changes."""
        return msgspec.structs.replace(self.topic, envelope=Debezium(ops)) if self.topic.envelope else self.topic

    @property
    def words(self) -> str:
        """What was read, in words."""
        of = f"{type(self.topic.format).__name__}{' in change events' if self.topic.envelope else ''}"
        bad = f"; {self.unreadable:,} of them cannot be read, the first: {self.why}" if self.unreadable else ""
        return f"{self.topic.name}: the newest {self.records:,} records, {of}{bad}"


async def sampled(bus: Bus, registry: SchemaRegistry | None, topic: str, count: int) -> Sampled:
    """Return what the newest `count` records of a topic say.

    Raises `Refused` where there is no such topic, or none of its records can be read; `NotReady` and `Unreachable` where
    the log or the registry do not answer.
    """
    values = [it for it in await newest(bus, topic, count) if it.value is not None]
    reading = await reading_of(topic, values, registry)
    read = [_value(it, reading) for it in values]
    good = [it for it in read if not isinstance(it, str)]
    bad = [it for it in read if isinstance(it, str)]
    changes = 2 * sum(map(is_change, good)) > len(good)
    rows = [_row(value, it, changes) for it, value in zip(values, read, strict=True) if not isinstance(value, str)]
    bad += [it for it in rows if isinstance(it, str)]
    found = [it for it in rows if isinstance(it, dict)]
    if not found:
        raise Refused(
            f"none of the newest {len(values):,} records of {topic} can be read: {bad[0] if bad else 'tombstones'}"
        )
    texts = tuple(sorted({it for row in found for it in row.values() if isinstance(it, str) and it in MISSING}))
    its = Topic(name=topic, format=reading.format, envelope=Debezium() if changes else None, missing=texts or None)
    return Sampled(its, found, len(values), len(bad), bad[0] if bad else "")


async def newest(bus: Bus, topic: str, count: int) -> list[Record]:
    """Return the newest records of a topic, at most `count` of all partitions together, in the order of their times."""
    there = await bus.topics()
    if not there.get(topic):
        near = difflib.get_close_matches(topic, there, n=3) or sorted(there)[:10]
        raise Refused(f"there is no topic {topic!r} on this log; there are: {', '.join(near) or 'none'}")
    where = [TopicPartition(topic, number) for number in range(there[topic])]
    first, end = await bus.beginning(where), await bus.end(where)
    shares = _shares({it: end[it] - first[it] for it in where}, count)
    start = {it: end[it] - share for it, share in shares.items() if share}
    records = await _between(bus, start, end) if start else []
    if not records:
        raise Refused(f"topic {topic!r} is empty: a draft needs records to look at")
    return sorted(records, key=lambda it: it.timestamp)


def _shares(kept: Mapping[TopicPartition, int], count: int) -> dict[TopicPartition, int]:
    """Return how many records to read of each partition: what a short one lacks is read of the longer ones."""
    found: dict[TopicPartition, int] = {}
    for number, where in enumerate(sorted(kept, key=lambda it: kept[it])):
        found[where] = min(kept[where], -(-count // (len(kept) - number)))
        count -= found[where]
    return found


async def _between(bus: Bus, start: Mapping[TopicPartition, int], end: Mapping[TopicPartition, int]) -> list[Record]:
    reader = await bus.reader(start)
    found: list[Record] = []
    silent = 0
    try:
        while left := sum(max(0, end[it] - reader.position(it)) for it in start):
            read = await reader.read(timeout=1.0)
            found += [it for where, records in read.items() for it in records if it.offset < end[where]]
            silent = 0 if read else silent + 1
            if silent >= SILENT_AFTER:
                raise NotReady(
                    f"{left} records of {next(iter(start)).topic} did not come within {SILENT_AFTER} seconds"
                )
    finally:
        await reader.close()
    return found


def _value(record: Record, reading: Reading) -> Any:
    """Return a record's value as plain data, or why it has none, as text."""
    try:
        found = reading.read(record.value or b"")
    except (Refused, msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        return f"undecodable: {error}"
    return found if isinstance(found, dict) else f"the value is {type(found).__name__}, not an object with fields"


def _row(value: Any, record: Record, changes: bool) -> dict[str, Any] | str | None:
    """Return a record's fields by their paths, and last what it says beside them; or why not; `None`: passed over."""
    beside = {} if record.key is None else {"$key": record.key.decode(errors="replace")}
    if not changes:
        return {**_plain(value), **beside, "$timestamp": record.timestamp}
    row = change(value, Debezium())
    if isinstance(row, Unreadable | Skipped):
        return row.detail if isinstance(row, Unreadable) else None
    its = {name: it for name, it in row.items() if not name.startswith("$")}
    at = row["$source"].get("ts_ms") if isinstance(row["$source"], dict) else None
    return {**_plain(its), CHANGED_AT: at, **beside, OP: row[OP]}


def _plain(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that can be drafted from; of a value that brings its schema along, those of its payload."""
    its = {"payload": value["payload"]} if value.keys() == {"schema", "payload"} else value
    return {name: it for name, it in flat(its) if it is None or isinstance(it, PLAIN)}

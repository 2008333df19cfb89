"""How a table lies in time: what a draft says of silence, of how long labels take, and of times before clocks count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from millrace.domain.sources import Row, Time
from millrace.drafting.columns import LINE, Column
from millrace.learning.intake import EARLIEST
from millrace.learning.mapping import moment_at

DAY = timedelta(days=1)
BEGINS = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=EARLIEST) + DAY
CALENDAR = 28 * 365 + 7
"""Days after which dates fall on the same days of the week, in the same years of a leap."""


class Spans(NamedTuple):
    """In whole days: the longest silence between two events, the longest wait for a label, how far times are moved on."""

    silence: int
    wait: int
    moved: int


def spans(rows: Sequence[Row], when: Column, known: Column | None) -> Spans:
    """Return how the rows lie in time, as far as their times can be read; `known` is when the label was, if a column says."""
    if when.column == LINE:
        return Spans(0, 0, 0)
    times = [_moment(row, when) for row in rows]
    read = sorted(it for it in times if it)
    if not read:
        return Spans(0, 0, 0)
    silence = max((after - before for before, after in pairwise(read)), default=timedelta(0))
    waits = [end - it for row, it in zip(rows, times, strict=True) if known and it and (end := _moment(row, known))]
    return Spans(_days(silence), _days(max(waits, default=timedelta(0))), _moved(read[0]))


class Waits(NamedTuple):
    """How long labels of another table took: the longest wait in whole days; how many were `known` before their event."""

    longest: int
    early: int


def waits(
    events: Sequence[Row], its: Mapping[str, Column], labels: Sequence[Row], theirs: Mapping[str, Column]
) -> Waits:
    """Return how long labels took that name an event among those; columns are given by what they are for."""
    own_id, of = its["id"].column, theirs["of"].column
    began = {str(row.get(own_id)): _moment(row, its["time"]) for row in events}
    found = [
        known - at
        for row in labels
        if (at := began.get(str(row.get(of)))) and (known := _moment(row, theirs["known_at"]))
    ]
    return Waits(max(0, _days(max(found, default=timedelta(0)))), sum(it < timedelta(0) for it in found))


def _moment(row: Row, column: Column) -> datetime | None:
    form = column.forms[0] if column.forms else "iso"
    path = (lambda it: " ".join(str(it[part]) for part in column.parts)) if column.parts else column.column
    try:
        return moment_at(Time(path, form))(row)
    except ValueError:
        return None


def _days(it: timedelta) -> int:
    return -(-it // DAY)


def _moved(first: datetime) -> int:
    """Return by how many days times are to be moved on so that all are such as clocks give."""
    return 0 if first >= BEGINS else -(-(BEGINS - first) // (CALENDAR * DAY)) * CALENDAR

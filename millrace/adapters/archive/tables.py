"""Reads a user's files as facts in the order of time. What does not read is counted and shown, with its line."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from millrace.adapters.archive.opening import Meter, Progress
from millrace.adapters.archive.recorded import load, order
from millrace.adapters.archive.rows import LINE, Bad, expect, rows_of
from millrace.domain.errors import UseCaseError
from millrace.domain.facts import Event, Label, available_at
from millrace.domain.sources import Files, Side, Table
from millrace.domain.times import rfc3339
from millrace.domain.usecase import AnyUseCase, Fact, Recorded
from millrace.learning.intake import EARLIEST, LATEST
from millrace.learning.mapping import Get, Mapper, getter
from millrace.learning.outcomes import Skipped, Unreadable

EXAMPLES = 5
"""Bad rows shown of each file."""


class Tally:
    """What became of the rows of one file, read as events or as labels."""

    def __init__(self, name: str, as_: str) -> None:
        self.name = name
        self.as_ = as_
        self.facts = 0
        self.bad = 0
        self.examples: list[str] = []
        self.skipped: Counter[str] = Counter()
        self.unsorted = 0
        self.first_unsorted = ""
        self.unjoined: Counter[str] = Counter()

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self.facts + self.bad + self.skipped.total()

    def refuse(self, line: int, why: str) -> None:
        """Count a bad row."""
        self.bad += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(f"line {line}: {why}")

    def __str__(self) -> str:
        """Say it in a line, and the bad rows under it."""
        counts = [f"{self.facts:,} {self.as_} from {self.rows:,} rows"]
        counts += [f"{n:,} {why}" for why, n in sorted(self.skipped.items())]
        counts += [f"{self.unsorted:,} were not in the order of time and are sorted"] if self.unsorted else []
        counts += [f"{n:,} found nothing in {name}" for name, n in sorted(self.unjoined.items())]
        counts += [f"{self.bad:,} cannot be read" + (":" if self.examples else "")] if self.bad else []
        lines = [self.first_unsorted] if self.first_unsorted else []
        return "\n  ".join([f"{self.name}: {', '.join(counts)}", *lines, *self.examples])

    @property
    def is_smooth(self) -> bool:
        """Whether every row became a fact, in its place."""
        return not (self.bad or self.skipped or self.unsorted or self.unjoined)


class Loaded(NamedTuple):
    """Facts in the order of time, and what became of each file's rows (nothing for a recording a package carries)."""

    facts: list[Fact]
    tallies: list[Tally]


def load_replayed(use_case: AnyUseCase, progress: Progress | None = None) -> Loaded:
    """Return all facts of a use case's recording or files by availability time, events before labels at one moment.

    Raises `UseCaseError` when it has neither, when a file is missing, or when too many of its rows cannot be read.
    """
    source = use_case.source
    if isinstance(source, Recorded):
        return Loaded(load(source, progress), [])
    if not isinstance(source, Files):
        what = "topics, which are not replayed" if source else "no recorded source"
        raise UseCaseError(f"{use_case.name} has {what}; give it source=Files(…) or source=Recorded(…)")
    return _load_files(use_case, source, progress)


def _load_files(use_case: AnyUseCase, source: Files, progress: Progress | None) -> Loaded:
    meter, folder = Meter(progress), folder_of(use_case)
    tables = [(source.events, use_case.event, "events"), (source.labels, use_case.label, "labels")]
    readings = [_Reading(table, kind, as_, folder, meter) for table, kind, as_ in tables if table and kind]
    facts = [fact for reading in readings for fact in reading.facts()]
    for reading in readings:
        _refuse(source, reading.tally)
    facts.sort(key=order)
    meter.finish()
    return Loaded(facts, [reading.tally for reading in readings])


def folder_of(use_case: AnyUseCase) -> Path:
    """Return the folder of a use case's file, from which paths are taken; in a notebook the one it works in."""
    file = getattr(sys.modules.get(use_case.features.__module__), "__file__", None)
    return Path(file).absolute().parent if file else Path.cwd()


def _refuse(source: Files, tally: Tally) -> None:
    """Raise `UseCaseError` for a file that is not what it was taken for."""
    if tally.bad > source.bad_rows * tally.rows or (tally.rows and not tally.facts):
        raise UseCaseError(
            f"too few rows of {tally.name} read as {tally.as_} (at most {source.bad_rows:.0%} may be bad; bad_rows= says "
            f"otherwise)\n  {tally}"
        )
    if tally.unsorted and source.unsorted == "refuse":
        raise UseCaseError(f"{tally.name} is not in the order of time, which unsorted='refuse' asks for\n  {tally}")


class _Reading:
    """One file, read as events or as labels."""

    def __init__(self, table: Table, kind: type[Event] | type[Label], as_: str, folder: Path, meter: Meter) -> None:
        self._table = table
        self._path = folder / table.path
        self._mapper = Mapper(kind, table)
        self._meter = meter
        expect(self._path, meter)
        self._sides = [_Joined(name, side, folder, meter) for name, side in table.joined.items()]
        self.tally = Tally(table.path, as_)

    def facts(self) -> Iterator[Fact]:
        newest, tally = 0, self.tally
        for line, row in rows_of(self._table, self._path, self._meter):
            fact = self._fact(line, row)
            if isinstance(fact, Unreadable):
                tally.refuse(line, fact.detail)
            elif isinstance(fact, Skipped):
                tally.skipped[fact.why] += 1
            else:
                tally.facts += 1
                at = available_at(fact)
                self._note_order(line, at, newest)
                newest = max(newest, at)
                yield fact

    def _fact(self, line: int, row: dict[str, Any] | Bad) -> Event | Label | Unreadable | Skipped:
        if isinstance(row, Bad):
            return Unreadable("undecodable", row.why)
        row[LINE] = line
        for side in self._sides:
            if not side.join(row):
                self.tally.unjoined[side.name] += 1
        fact = self._mapper.read(row)
        if isinstance(fact, Event | Label) and not EARLIEST < available_at(fact) < LATEST:
            return Unreadable("invalid", _out_of_range(available_at(fact)))
        return fact

    def _note_order(self, line: int, at: int, newest: int) -> None:
        """Count an event that comes after a later one; labels are not expected in any order."""
        tally = self.tally
        if at < newest and tally.as_ == "events":
            tally.unsorted += 1
            said = f"line {line}: its time {rfc3339(at)} is before that of a row above, {rfc3339(newest)}"
            tally.first_unsorted = tally.first_unsorted or said


def _out_of_range(at: int) -> str:
    return (
        f"its time {rfc3339(at)} is not between {rfc3339(EARLIEST)} and {rfc3339(LATEST)}, where clocks that work are; "
        f"older recordings are moved on with after=, as in after='20454d' (56 years)"
    )


class _Joined:
    """A side table in memory, by the column it is joined by."""

    def __init__(self, name: str, side: Side, folder: Path, meter: Meter) -> None:
        self.name = name
        self._on: Get = getter(side.on)
        path = folder / side.path
        expect(path, meter)
        self._rows: dict[str, dict[str, Any]] = {}
        for line, row in rows_of(side, path, meter):
            if isinstance(row, Bad) or side.by not in row:
                why = row.why if isinstance(row, Bad) else f"there is no column {side.by!r}"
                raise UseCaseError(f"line {line} of {side.path}, which is joined as {name!r}: {why}")
            self._rows[str(row[side.by])] = row

    def join(self, row: dict[str, Any]) -> bool:
        """Put the side table's row beside a row; tell whether there is one."""
        found = self._rows.get(str(self._on(row)))
        row[self.name] = found or {}
        return found is not None

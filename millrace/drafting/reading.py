"""How a file is laid out, found by looking at its first lines: separator, header, nested fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from millrace.adapters.archive.opening import Meter, opened
from millrace.adapters.archive.rows import Bad, expect, rows_of
from millrace.domain.errors import Refused
from millrace.domain.sources import Table, Topic
from millrace.drafting.values import is_number

LOOKED_AT = 200_000
"""Rows from which the columns are guessed."""
SEPARATORS = (",", ";", "\t", "|")
OTHERS = (".parquet", ".jsonl", ".ndjson", ".json")
"""Endings of files that name their own fields."""

Rows = Sequence[Mapping[str, Any]]


class Looked(NamedTuple):
    """A file and its first rows, or a topic and its newest: how it is laid out; nested fields are named by their paths."""

    table: Table | Topic
    rows: Rows

    @property
    def name(self) -> str:
        """The file's path, the topic's name."""
        return self.table.path if isinstance(self.table, Table) else self.table.name


def look(path: Path) -> Looked:
    """Return how a file is laid out and its first rows; raise `Refused` where it holds none."""
    if not path.is_file():
        raise Refused(f"there is no file {str(path)!r}")
    table = _table(path)
    meter = Meter(None)
    expect(path, meter)
    found = (row for _, row in rows_of(table, path, meter) if not isinstance(row, Bad))
    rows = [dict(flat(row)) for row in islice(found, LOOKED_AT)]
    if not rows:
        raise Refused(f"{str(path)!r} holds no row that can be read")
    return Looked(table, rows)


def flat(row: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield a row's values by path; lists are left out."""
    for name, value in row.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{before}{name}.")
        elif not isinstance(value, list):
            yield f"{before}{name}", value


def _table(path: Path) -> Table:
    ending = next((it for it in reversed(path.suffixes) if it not in (".gz", ".zip")), "")
    if ending in OTHERS:
        return Table(path=str(path))
    first, second = _first_lines(path)
    separator = max(SEPARATORS, key=first.count)
    separator = separator if separator in first else " "
    return Table(path=str(path), separator=separator, columns=_columns(_parted(first, separator), second, separator))


def _first_lines(path: Path) -> tuple[str, str]:
    try:
        with opened(path) as text:
            lines = [it.strip("\r\n ") for it in islice((it for it in text if it.strip()), 2)]
    except UnicodeDecodeError as error:
        raise Refused(f"{str(path)!r} is no text in UTF-8: {error}; convert it first") from error
    if not lines:
        raise Refused(f"{str(path)!r} is empty")
    return lines[0], lines[-1]


def _parted(line: str, separator: str) -> list[str]:
    return [it.strip(' "') for it in (line.split() if separator == " " else line.split(separator))]


def _columns(first: list[str], second: str, separator: str) -> tuple[str, ...]:
    """Return names for the columns of a file whose first line holds values: a number where the second has one, too."""
    pairs = zip(first, _parted(second, separator), strict=False)
    if any(is_number(one) and is_number(other) for one, other in pairs):
        return tuple(f"column_{number}" for number in range(1, len(first) + 1))
    return ()

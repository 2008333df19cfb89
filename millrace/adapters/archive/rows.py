"""Reads the rows of a file: CSV with any separator, JSON lines, Parquet. Each has the number of its line."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from millrace.adapters.archive.opening import Meter, opened, size
from millrace.domain.errors import NotReady, UseCaseError
from millrace.domain.sources import Side, Table

LINE = "$line"


class Bad(NamedTuple):
    """A line that holds no row, and why."""

    why: str


Numbered = tuple[int, dict[str, Any] | Bad]
"""A line's number (from 1, as editors count; in Parquet a row's) and what it holds."""


def rows_of(table: Table | Side, path: Path, meter: Meter) -> Iterator[Numbered]:
    """Yield the rows of a file in their order. Texts of CSV are stripped; nothing is guessed of their types."""
    ending = next((it for it in reversed(path.suffixes) if it not in (".gz", ".zip")), "")
    if ending == ".parquet":
        return _parquet(path, meter)
    if ending in (".jsonl", ".ndjson", ".json"):
        return _json_lines(table, path, meter)
    return _csv(table, path, meter)


def expect(path: Path, meter: Meter) -> None:
    """Tell the meter of a file that is to be read; raise `UseCaseError` when there is none."""
    if not path.is_file():
        raise UseCaseError(f"there is no file {str(path)!r}: a path is taken from the folder of the use case's file")
    meter.expect(size(path))


def _csv(table: Table | Side, path: Path, meter: Meter) -> Iterator[Numbered]:
    with opened(path, table.encoding) as text:
        lines = meter.metered(text)
        spaces = table.separator == " "
        reader = csv.reader(
            _despaced(lines) if spaces else lines, delimiter=table.separator, skipinitialspace=True, strict=True
        )
        given = table.columns if isinstance(table, Table) else ()
        header = list(given) or _distinct([name.strip() for name in next(reader, [])])
        while True:
            try:
                values = next(reader, None)
            except csv.Error as error:
                yield reader.line_num, Bad(str(error))
                continue
            if values is None:
                return
            if values:
                yield reader.line_num, _named(header, values)


def _distinct(header: list[str]) -> list[str]:
    """Return the names of a header; one that comes again gets a number, as in `x`, `x.1`: no column hides another."""
    found: list[str] = []
    for number, name in enumerate(header):
        before = header[:number].count(name)
        found.append(f"{name}.{before}" if before else name)
    return found


def _despaced(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines in which tabs are spaces, without those at either end: every run of spaces parts two values."""
    return (line.replace("\t", " ").strip() for line in lines)


def _named(header: list[str], values: list[str]) -> dict[str, Any] | Bad:
    if len(values) != len(header):
        return Bad(f"it has {len(values)} fields, the header has {len(header)}")
    return {name: value.strip() for name, value in zip(header, values, strict=True)}


def _json_lines(table: Table | Side, path: Path, meter: Meter) -> Iterator[Numbered]:
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    with opened(path, table.encoding) as text:
        for number, line in enumerate(meter.metered(text), start=1):
            if line.strip():
                try:
                    yield number, decode(line)
                except (msgspec.MsgspecError, RecursionError) as error:
                    yield number, Bad(str(error))


def _parquet(path: Path, meter: Meter) -> Iterator[Numbered]:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise NotReady("Parquet is read with pyarrow: pip install 'millrace[sources]'") from error
    file = parquet.ParquetFile(path)
    share = size(path) / max(file.metadata.num_rows, 1)
    number = 0
    for batch in file.iter_batches():
        for row in batch.to_pylist():
            number += 1
            yield number, row
        meter.advance(int(share * batch.num_rows))

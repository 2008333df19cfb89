"""Reads a DataFrame of pandas or polars as the facts of a use case."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from millrace.domain.errors import Refused
from millrace.domain.facts import Event, available_at
from millrace.domain.usecase import AnyUseCase, Fact


def facts_of(use_case: AnyUseCase, frame: Any) -> list[Fact]:
    """Return the facts of a frame by availability time, events before labels at the same moment.

    A row is an event: its columns are named as the event's fields; others are passed over. A row that has `known_at` is a
    label, too. A time without a zone is UTC; an empty cell is a field left out. Raises `Refused`, naming the column or
    the row, for what does not fit.
    """
    columns = list(frame.columns)
    _insist(use_case.event, columns)
    label = use_case.label
    with_label = label is not None and "known_at" in columns
    if with_label:
        _insist(label, columns)
    facts: list[Fact] = []
    for number, row in enumerate(_rows(frame)):
        facts.append(_made(use_case.event, row, number))
        if with_label and row.get("known_at") is not None:
            facts.append(_made(label, row, number))
    return sorted(facts, key=lambda it: (available_at(it), not isinstance(it, Event)))


def _rows(frame: Any) -> Iterator[dict[str, Any]]:
    rows: Sequence[Mapping[str, Any]] = frame.to_dicts() if hasattr(frame, "to_dicts") else frame.to_dict("records")
    for row in rows:
        yield {name: value for name, cell in row.items() if (value := _plain(cell)) is not None}


def _plain(cell: Any) -> Any:
    """Return a cell as Python's own type; `None` for an empty one."""
    if cell is None or cell != cell or str(cell) == "NaT":  # only NaN is not itself
        return None
    value = cell.to_pydatetime() if hasattr(cell, "to_pydatetime") else cell.item() if hasattr(cell, "item") else cell
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


def _insist(kind: Any, columns: Sequence[str]) -> None:
    for field in msgspec.structs.fields(kind):
        if field.required and field.encode_name not in columns:
            raise Refused(
                f"there is no column {field.encode_name!r}, which {kind.__name__} needs; there are: "
                f"{', '.join(map(str, columns))}. Rename one, as in df.rename(columns={{…: {field.encode_name!r}}})",
                field=field.encode_name,
            )


def _made(kind: Any, row: Mapping[str, Any], number: int) -> Any:
    try:
        return msgspec.convert(_zoned(kind, row), kind, strict=False)
    except msgspec.ValidationError as error:
        raise Refused(f"row {number} is not an event or label of {kind.__name__}: {error}") from error


def _zoned(kind: Any, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row whose texts for the fact's own time have a zone: UTC, when they say none."""
    when = "occurred_at" if issubclass(kind, Event) else "known_at"
    found = dict(row)
    if isinstance(found.get(when), str):
        try:
            moment = datetime.fromisoformat(found[when])
        except ValueError:
            return found
        found[when] = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return found

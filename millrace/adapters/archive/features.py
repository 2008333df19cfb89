"""Predictions with their features as the rows of a table: which column holds what."""

from __future__ import annotations

from typing import Any

from millrace.domain.errors import Refused

COLUMN = "features."
"""Before the name of a feature's column."""

Row = dict[str, Any]


def feature_schema(rows: list[Row]) -> Any:
    """Return the Arrow schema of rows: a feature that is a truth value in all of them is bool, a number float64, else text."""
    import pyarrow as pa

    text = ("event_id", "key", "state_id", "champion")
    fields = [pa.field(name, pa.string()) for name in text]
    fields += [pa.field("occurred_at", pa.timestamp("us", "UTC")), pa.field("value", pa.float64())]
    fields += [pa.field("by_candidate", pa.string(), metadata={"as": "json"})]
    names = dict.fromkeys(name for row in rows for name in row if name.startswith(COLUMN))
    return pa.schema([*fields, *(pa.field(name, _kind(rows, name)) for name in names)])


def _kind(rows: list[Row], name: str) -> Any:
    import pyarrow as pa

    kinds = {type(row[name]) for row in rows if name in row}
    if kinds == {bool}:
        return pa.bool_()
    return pa.string() if str in kinds else pa.float64()


def fitting(rows: list[Row], schema: Any) -> list[Row]:
    """Return rows as the schema has them; raise `Refused` for a feature that is none of its columns, or not of its type."""
    import pyarrow as pa

    fits: dict[Any, tuple[type, ...]] = {pa.bool_(): (bool,), pa.float64(): (bool, int, float), pa.string(): (str,)}
    kinds: dict[str, tuple[type, ...]] = {it.name: fits[it.type] for it in schema if it.name.startswith(COLUMN)}
    return [{name: _fitted(row, name, kinds) if name.startswith(COLUMN) else row[name] for name in row} for row in rows]


def _fitted(row: Row, name: str, kinds: dict[str, tuple[type, ...]]) -> Any:
    its = kinds.get(name, ())
    if not isinstance(row[name], its):
        before = " or ".join(it.__name__ for it in its) or "absent"
        raise Refused(
            f"feature {name.removeprefix(COLUMN)!r} of event {row['event_id']} is {row[name]!r}, and was {before} before: "
            f"a column is of one type; export a time in which it is"
        )
    return float(row[name]) if float in its else row[name]

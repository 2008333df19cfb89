"""`millrace new`: writes the file of a use case that runs at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

EXAMPLES = """
Examples:

  millrace new parcels                                            an example with data of its own, to read and change

  millrace new tips --from tips.csv                               columns guessed; guesses are marked ASK

  millrace new tips --from tips.csv --target tip --time day       what you know, say
"""

LOOKED_AT = 20_000
"""Rows from which the columns are guessed."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("new", epilog=EXAMPLES)(new)


def new(
    name: Annotated[str, typer.Argument(help="The use case's name, in small letters with dashes.")],
    source: Annotated[
        Path | None,
        typer.Option(
            "--from", help="A table: .csv (any separator), .tsv, .jsonl or .parquet. Default: one is made up."
        ),
    ] = None,
    target: Annotated[str | None, typer.Option(help="The column to learn. Default: the last that fits.")] = None,
    time: Annotated[str | None, typer.Option(help="The column that says when it happened.")] = None,
    id: Annotated[str | None, typer.Option(help="The column that names each row.")] = None,  # noqa: A002 - the option's name
    key: Annotated[str | None, typer.Option(help="The column with the entity it is about.")] = None,
    known_at: Annotated[str | None, typer.Option(help="The column that says when the truth was known.")] = None,
    delay: Annotated[str, typer.Option(help="Else: how long after the event it is known.")] = "1h",
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Write NAME.py (dashes become underscores) from a table, yours or a made-up one: types, profiles, features, candidates."""
    import pandas as pd

    from millrace.domain.errors import Refused
    from millrace.drafting import Wishes, draft, looked_at

    to = Path(f"{name.replace('-', '_')}.py")
    if to.exists() and not force:
        raise Refused(f"{to} is there already; say --force to write over it")
    if source is None:
        source = _made_up(to.with_suffix(".csv"), force)
    if not source.is_file():
        raise Refused(f"there is no file {str(source)!r}")
    function, options = _reader(source)
    wishes = Wishes(target, time, id, key, known_at, delay)
    columns = looked_at(getattr(pd, function)(source, **options).head(LOOKED_AT), wishes)
    reader = _as_code(source, function, options)
    learnt = next(it.column for it in columns if it.role == "target")
    to.write_text(draft(name, f"What will {learnt} be?", source.name, reader, columns, wishes), encoding="utf-8")
    for it in columns:
        asked = "  (a guess)" if it.guessed else ""
        typer.echo(f"{it.column:<24} {it.kind:<8} {it.role:<8} as {it.field}{asked}")
    typer.echo(f"{to} is written. Next: millrace check {to}, then python {to}")


def _made_up(to: Path, force: bool) -> Path:
    """Write a small table to begin with; return where it is."""
    from millrace.domain.errors import Refused
    from millrace.drafting.example import orders

    if to.exists() and not force:
        raise Refused(f"{to} is there already: draft from it with --from {to}, or say --force to write over it")
    to.write_text(orders(), encoding="utf-8")
    typer.echo(f"{to} is written: made-up orders, to be replaced by a table of your own")
    return to


def _reader(source: Path) -> tuple[str, dict[str, Any]]:
    """Return the function of pandas that reads a table, and its options."""
    if source.suffix == ".parquet":
        return "read_parquet", {}
    if source.suffix in (".jsonl", ".ndjson"):
        return "read_json", {"lines": True}
    with source.open(encoding="utf-8-sig") as text:
        first = text.readline()
    separator = max((",", ";", "\t", "|"), key=first.count)
    if not first.count(separator):
        separator = r"\s+"
    return "read_csv", {} if separator == "," else {"sep": separator}


def _as_code(source: Path, function: str, options: dict[str, Any]) -> str:
    given = [
        json.dumps(str(source)),
        *(f"{name}={json.dumps(it) if it is not True else it}" for name, it in options.items()),
    ]
    return f"{function}({', '.join(given)})"

"""`millrace new`: writes the file of a use case that runs at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from millrace.drafting import Basis, Wishes

EXAMPLES = """
Examples:

  millrace new parcels                                            an example with data of its own, to read and change

  millrace new tips --from tips.csv                               columns guessed; guesses are marked ASK

  millrace new tips --from tips.csv --target tip --time day       what you know, say

  millrace new tips --from tips.csv --labels paid.csv             the truth is in a second file

  millrace new parcels --from-topic shop.parcels --labels-topic shop.deliveries

                                                                  from the newest records of topics that others write

  MILLRACE_KAFKA=HOST:PORT MILLRACE_SCHEMA_REGISTRY=URL millrace new parcels --from-topic db.public.parcels

                                                                  a table's changes: a later change is the truth
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("new", epilog=EXAMPLES)(new)


def new(
    name: Annotated[str, typer.Argument(help="The use case's name, in small letters with dashes.")],
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="A table: text with any separator, .jsonl or .parquet; .gz and .zip are unpacked. Default: one is made up.",
        ),
    ] = None,
    labels: Annotated[Path | None, typer.Option(help="A second table, with the truth.")] = None,
    from_topic: Annotated[
        str | None, typer.Option(metavar="TOPIC", help="A topic that others write: its newest records are looked at.")
    ] = None,
    labels_topic: Annotated[
        str | None,
        typer.Option(metavar="TOPIC", help="A second topic, with the truth. Default: later records of the first."),
    ] = None,
    target: Annotated[str | None, typer.Option(help="The column to learn. Default: the last that fits.")] = None,
    time: Annotated[str | None, typer.Option(help="The column that says when it happened.")] = None,
    id: Annotated[str | None, typer.Option(help="The column that names each row.")] = None,  # noqa: A002 - the option's name
    key: Annotated[str | None, typer.Option(help="The column with the entity it is about.")] = None,
    of: Annotated[str | None, typer.Option(help="Of labels elsewhere: the column that names the event.")] = None,
    known_at: Annotated[str | None, typer.Option(help="The column that says when the truth was known.")] = None,
    later: Annotated[
        list[str], typer.Option(metavar="COLUMN", help="A column known only with the truth: left out. May be repeated.")
    ] = [],  # noqa: B006 - typer wants the default here, and nobody changes it
    delay: Annotated[str, typer.Option(help="Else: how long after the event it is known.")] = "1h",
    records: Annotated[int, typer.Option(min=2, help="Of a topic: how many of its newest records to look at.")] = 2_000,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Write NAME.py (dashes become underscores) from a table, yours or a made-up one, or from topics: types, profiles, models.

    Of topics a column is a field, named by its path as in order.id, or the record's own $key or $timestamp. They are read only.
    """
    from millrace.drafting import Wishes, draft

    to = Path(f"{name.replace('-', '_')}.py")
    _refuse_misuse(to, force, (source, labels), (from_topic, labels_topic))
    wishes = Wishes(target, time, id, key, known_at, delay, tuple(later), of)
    if from_topic is None:
        basis = _of_files(to, source, labels, wishes, force)
    else:
        basis = _of_topics(from_topic, labels_topic, wishes, records)
    to.write_text(draft(name, basis), encoding="utf-8")
    _tell(basis, to)


def _refuse_misuse(
    to: Path, force: bool, files: tuple[Path | None, Path | None], topics: tuple[str | None, str | None]
) -> None:
    """Raise `Refused` for a file that is there, and for options that do not go together."""
    from millrace.domain.errors import Refused

    if to.exists() and not force:
        raise Refused(f"{to} is there already; say --force to write over it")
    if any(files) and any(topics):
        raise Refused("a use case is drafted from files or from topics: say --from or --from-topic")
    for (events, labels), option in ((files, ""), (topics, "-topic")):
        if events is None and labels is not None:
            raise Refused(f"--labels{option} {labels} is the truth about another one: name that with --from{option}")


def _of_files(to: Path, source: Path | None, labels: Path | None, wishes: Wishes, force: bool) -> Basis:
    from millrace.drafting import of_files

    return of_files(source or _made_up(to.with_suffix(".csv"), force), labels, wishes)


def _of_topics(topic: str, labels: str | None, wishes: Wishes, records: int) -> Basis:
    """Look at topics of the log that the settings name, or of the platform that runs from this home."""
    import asyncio

    from millrace.cli.adoption import adopt

    adopt()
    return asyncio.run(_looked_at(topic, labels, wishes, records))


async def _looked_at(topic: str, labels: str | None, wishes: Wishes, records: int) -> Basis:
    from millrace.adapters.bus.kafka import KafkaBus
    from millrace.adapters.schemas.registry import SchemaRegistry
    from millrace.drafting.topics import of_topics
    from millrace.runtime.settings import Connections

    connections = Connections()
    registry = SchemaRegistry(connections) if connections.schema_registry else None
    bus = KafkaBus.of(connections, "millrace-new", 10.0)
    try:
        return await of_topics(bus, registry, topic, labels, wishes, records)
    finally:
        await bus.close()


def _tell(basis: Basis, to: Path) -> None:
    """Say what each column was taken for, and what to do next."""
    from millrace.domain.sources import Table

    for words in basis.told:
        typer.echo(words)
    for it in basis.found:
        asked = "  (a guess)" if it.guessed else ""
        typer.echo(f"{it.column:<24} {it.kind:<8} {it.role:<8} as {it.field}{asked}")
    on_files = isinstance(basis.looked.table, Table)
    then = f"millrace rehearse {to}" if on_files else f"millrace up --kafka HOST:PORT --use-case {to}"
    typer.echo(f"{to} is written. Next: millrace check {to}, then {then}")


def _made_up(to: Path, force: bool) -> Path:
    """Write a small table to begin with; return where it is."""
    from millrace.domain.errors import Refused
    from millrace.drafting.example import orders

    if to.exists() and not force:
        raise Refused(f"{to} is there already: draft from it with --from {to}, or say --force to write over it")
    to.write_text(orders(), encoding="utf-8")
    typer.echo(f"{to} is written: made-up orders, to be replaced by a table of your own")
    return to

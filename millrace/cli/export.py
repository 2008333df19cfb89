"""`millrace export`: predictions or labels, from the log to a Parquet file."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from millrace.adapters.archive.exported import Exported, Progress, Span

EXAMPLES = """
Examples:

  millrace export predictions USE_CASE --to predictions.parquet

  millrace export labels ./my_case.py --since 2026-03-01 --until 2026-03-08T12:00:00Z --to labels.parquet

Only what is committed, and as far back as the log keeps it. An interrupted export leaves no file.
"""


class What(StrEnum):
    """What can be exported."""

    predictions = "predictions"
    labels = "labels"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("export", epilog=EXAMPLES)(export)


def export(
    what: Annotated[What, typer.Argument(help="Predictions, by when the event happened; labels, by when known.")],
    use_case: Annotated[str, typer.Argument(help="The use case: its name, or its file.")],
    to: Annotated[Path, typer.Option(help="The Parquet file to write.")],
    since: Annotated[str | None, typer.Option(help="From this time on, as in 2026-03-01 or 2026-03-01T12:00Z.")] = None,
    until: Annotated[str | None, typer.Option(help="Up to this time, not included.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Write predictions or labels of a running platform to a Parquet file. Reads only."""
    import asyncio

    from rich.progress import Progress

    from millrace.adapters.archive.exported import Span
    from millrace.cli.consoles import ERR, OUT
    from millrace.domain.errors import Refused

    if to.exists() and not force:
        raise Refused(f"{to} is there already; say --force to write over it")
    span = Span(_moment("--since", since), _moment("--until", until))
    with Progress(console=ERR, transient=True, disable=not ERR.is_terminal) as bars:
        task = bars.add_task(f"reading {what.value}", total=None)
        done = asyncio.run(
            _export(what, use_case, to, span, lambda read, of: bars.update(task, completed=read, total=of))
        )
    OUT.print(
        f"{to}: {done.rows:,} {what.value}; {done.outside:,} outside the time asked for, "
        f"{done.unreadable:,} records that are none"
    )


def _moment(option: str, text: str | None) -> datetime | None:
    """Return a time as given; one without a zone is UTC."""
    from millrace.domain.errors import Refused

    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise Refused(f"{option} {text} is no time; write it as in 2026-03-01 or 2026-03-01T12:00:00Z") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


async def _export(what: What, name: str, to: Path, span: Span, progress: Progress) -> Exported:
    from millrace.adapters.archive.exported import export as written
    from millrace.adapters.bus.kafka import KafkaBus
    from millrace.adapters.schemas.table import kept_schemas
    from millrace.runtime.settings import Connections
    from millrace.usecases import find

    connections = Connections()
    use_case = find(name).under(connections.topic_prefix)
    bus = KafkaBus.of(connections, "millrace-export", 10.0)
    try:
        return await written(what.value, use_case, bus, to, span, kept_schemas(connections, use_case), progress)
    finally:
        await bus.close()

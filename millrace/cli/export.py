"""`millrace export`: predictions, the features they were made from, or labels, from the log to a Parquet file."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from millrace.adapters.archive.exported import Progress, Span

EXAMPLES = """
Examples:

  millrace export predictions USE_CASE --to predictions.parquet

  millrace export labels ./my_case.py --since 2026-03-01 --until 2026-03-08T12:00:00Z --to labels.parquet

  millrace export features USE_CASE --since 2026-03-01 --to features.parquet

Features are made again, by a replay from the checkpoint before the first prediction to the last: that computes as much as
learning did, and reaches as far back as a checkpoint of the newest epoch is kept.

Only what is committed, and as far back as the log keeps it. An interrupted export leaves no file.
"""


class What(StrEnum):
    """What can be exported."""

    predictions = "predictions"
    features = "features"
    labels = "labels"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("export", epilog=EXAMPLES)(export)


def export(
    what: Annotated[
        What, typer.Argument(help="Predictions or their features, by when it happened; labels, by when known.")
    ],
    use_case: Annotated[str, typer.Argument(help="The use case: its name, or its file.")],
    to: Annotated[Path, typer.Option(help="The Parquet file to write.")],
    since: Annotated[str | None, typer.Option(help="From this time on, as in 2026-03-01 or 2026-03-01T12:00Z.")] = None,
    until: Annotated[str | None, typer.Option(help="Up to this time, not included.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Write predictions, their features, or labels of a running platform to a Parquet file. Reads only."""
    if what is What.features:
        from millrace.runtime.determinism import fix_hash_seed

        fix_hash_seed()
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
        write = _features if what is What.features else partial(_export, what)
        said = asyncio.run(write(use_case, to, span, lambda read, of: bars.update(task, completed=read, total=of)))
    OUT.print(f"{to}: {said}")


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


async def _features(name: str, to: Path, span: Span, progress: Progress) -> str:
    from trainer.features import export_from_settings

    done = await export_from_settings(name, to, span, progress)
    left = f"; {done.earlier_epochs:,} are of an earlier epoch" if done.earlier_epochs else ""
    left += f"; {done.unreplayed:,} were made before the oldest checkpoint kept" if done.unreplayed else ""
    return f"{done.rows:,} predictions with their features{left}"


async def _export(what: What, name: str, to: Path, span: Span, progress: Progress) -> str:
    from millrace.adapters.archive.exported import Kind
    from millrace.adapters.archive.exported import export as written
    from millrace.adapters.bus.kafka import KafkaBus
    from millrace.adapters.schemas.table import kept_schemas
    from millrace.runtime.settings import Connections
    from millrace.usecases import find

    kind: Kind = "labels" if what is What.labels else "predictions"
    connections = Connections()
    use_case = find(name).under(connections.topic_prefix)
    bus = KafkaBus.of(connections, "millrace-export", 10.0)
    try:
        done = await written(kind, use_case, bus, to, span, kept_schemas(connections, use_case), progress)
    finally:
        await bus.close()
    return (
        f"{done.rows:,} {kind}; {done.outside:,} outside the time asked for, {done.unreadable:,} records that are none"
    )

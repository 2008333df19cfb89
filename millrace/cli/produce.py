"""`millrace produce`: a use case's recorded source, replayed into its topics."""

from __future__ import annotations

import os
from typing import Annotated

import typer

EXAMPLES = """
Examples:

  millrace produce USE_CASE                     into the platform that runs from this home

  millrace produce USE_CASE --speed 60          a minute of the stream in a second

  MILLRACE_KAFKA=HOST:PORT millrace produce USE_CASE --speed 0 --limit 100000

What the topics already hold is not sent again: an interrupted replay goes on where it was.
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("produce", epilog=EXAMPLES)(produce)


def produce(
    use_case: Annotated[str, typer.Argument(help="The use case, by name.")],
    speed: Annotated[
        float | None,
        typer.Option(min=0, show_default="3600", help="Seconds of the stream in one second; 0: all at once."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after so many records (events and labels).")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, show_default="8020", help="Port of /livez, /readyz and /metrics.")
    ] = None,
) -> None:
    """Replay a use case's recorded source into its topics, in time with a clock that may run faster."""
    from millrace.cli.run import run_ours
    from millrace.domain.errors import UseCaseError
    from millrace.usecases import find

    if find(use_case).source is None:
        raise UseCaseError(f"{use_case} has no recorded source to replay")
    told = {"USE_CASE": use_case, "SPEED": speed, "LIMIT": limit, "PRODUCER_PORT": port}
    os.environ.update({f"MILLRACE_{name}": str(value) for name, value in told.items() if value is not None})
    run_ours("producer")

"""`millrace produce`: a use case's recorded source replayed, or its simulator played, into its topics."""

from __future__ import annotations

import os
from typing import Annotated

import typer

EXAMPLES = """
Examples:

  millrace produce USE_CASE                     into the platform that runs from this home

  millrace produce USE_CASE --speed 60          a minute of the stream in a second

  MILLRACE_KAFKA=HOST:PORT millrace produce USE_CASE --speed 0 --limit 100000

  millrace produce USE_CASE --rate 200          200 events of a simulated stream in a second

What the topics already hold is not sent again: what was interrupted goes on where it was.
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
    rate: Annotated[
        float | None, typer.Option(min=0.001, help="Simulated: events in one second on average, instead of a speed.")
    ] = None,
    seed: Annotated[int | None, typer.Option(show_default="the use case's", help="Simulated: which stream.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after so many records (events and labels).")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, show_default="8020", help="Port of /livez, /readyz and /metrics.")
    ] = None,
) -> None:
    """Send a use case's recorded or simulated stream into its topics, in time with a clock that may run faster."""
    from millrace.cli.run import run_ours
    from millrace.domain.errors import UseCaseError
    from millrace.usecases import find, reference

    found = find(use_case)
    if not found.is_replayed and found.simulator is None:
        raise UseCaseError(f"{use_case} has neither a recorded source to replay nor a simulator to play")
    told = {"USE_CASE": reference(use_case), "SPEED": speed, "LIMIT": limit, "PRODUCER_PORT": port}
    told |= {"EVENTS_PER_SECOND": rate, "SIMULATION_SEED": seed}
    os.environ.update({f"MILLRACE_{name}": str(value) for name, value in told.items() if value is not None})
    run_ours("producer")

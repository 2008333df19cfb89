"""`millrace drift`: a simulated world is changed while it plays."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from millrace.domain.usecase import AnyUseCase

EXAMPLES = """
Examples:

  millrace drift USE_CASE                   which scenarios there are, and what each changes

  millrace drift USE_CASE SCENARIO          let it begin, with the next event

  millrace drift USE_CASE SCENARIO --end    let it end

The wish and the event it took effect at are kept in the topic USE_CASE.simulation: a producer that is started again takes
the same turn at the same event.
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("drift", epilog=EXAMPLES)(drift)


def drift(
    use_case: Annotated[str, typer.Argument(help="The use case: its name, or its file.")],
    scenario: Annotated[str, typer.Argument(help="The scenario; without one, they are listed.")] = "",
    end: Annotated[bool, typer.Option("--end", help="Let it hold no more.")] = False,
) -> None:
    """Change a simulated world while its stream is produced."""
    from millrace.cli.consoles import OUT
    from millrace.domain.errors import UseCaseError
    from millrace.domain.simulation import Drift
    from millrace.usecases import find

    found = find(use_case)
    if found.simulator is None:
        raise UseCaseError(f"{use_case} is not simulated: nothing but the world itself changes it")
    if not scenario:
        for name, words in found.simulator.scenarios.items():
            OUT.print(f"[bold]{name}[/bold]: {words}")
        return
    found.simulator.drifts((Drift(scenario),))
    asyncio.run(_wish(found, scenario, on=not end))
    OUT.print(f"Asked for: {scenario} {'ends' if end else 'begins'} with the next event that is made.")


async def _wish(use_case: AnyUseCase, scenario: str, *, on: bool) -> None:
    """Write the wish to the topic of the simulation."""
    import msgspec

    from millrace.adapters.bus.kafka import KafkaBus
    from millrace.adapters.bus.port import Message
    from millrace.runtime.settings import Connections

    connections = Connections()
    topic = use_case.under(connections.topic_prefix).topic("simulation")
    value = msgspec.json.encode({"scenario": scenario, "on": on})
    bus = KafkaBus.of(connections, "millrace-drift", 10.0)
    try:
        await bus.ensure_topics({topic: 1})
        writer = await bus.writer()
        await writer.send([Message(topic, value, partition=0)])
        await writer.close()
    finally:
        await bus.close()

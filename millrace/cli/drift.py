"""`millrace drift`: a simulated world is changed while it plays."""

from __future__ import annotations

from typing import Annotated

import typer

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
    from millrace.cli.telling import tell
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
    tell(found, "simulation", {"scenario": scenario, "on": not end})
    OUT.print(f"Asked for: {scenario} {'ends' if end else 'begins'} with the next event that is made.")

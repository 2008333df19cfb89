"""`millrace bench`: measures, as ratios in one run."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

bench = typer.Typer(
    help="Measure. Every figure is a ratio or a distribution of one run on this machine.", no_args_is_help=True
)

EXAMPLES = """
Examples:

  millrace bench learner                      on an embedded log that is started for it

  millrace bench learner --kafka local        on a real Apache Kafka that is started for it (make kafka first)

  millrace bench learner --kafka HOST:PORT    on a cluster that is there; topics are named bench-…
"""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(bench, name="bench")


@bench.callback()
def _group() -> None:
    """Measure."""


@bench.command(epilog=EXAMPLES)
def learner(
    use_case: Annotated[str, typer.Option(help="Whose models, features and recording.")] = "",
    kafka: Annotated[str, typer.Option(help="embedded, local, or HOST:PORT.")] = "embedded",
    records: Annotated[int, typer.Option(min=2_000, help="Events and labels a round.")] = 40_000,
    rounds: Annotated[int, typer.Option(min=1, help="Pairs of runs; the median ratio is told.")] = 3,
    json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Compare the learner, everything on, with a bare River loop of the same models, features and metrics."""
    from millrace.runtime.determinism import fix_hash_seed

    fix_hash_seed()
    import asyncio

    import msgspec

    from millrace.cli.consoles import ERR, OUT
    from trainer.bench import learner_on

    found = asyncio.run(learner_on(kafka, use_case, records, rounds, ERR.print))
    if json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    else:
        OUT.print(
            f"Millrace on {found.log}: {found.millrace_events_per_second:,.0f} events/s; bare River: "
            f"{found.bare_events_per_second:,.0f}; ratio {found.ratio:.2f} (rounds: {', '.join(map(str, found.ratios))})"
        )

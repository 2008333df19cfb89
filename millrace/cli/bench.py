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
    records: Annotated[int, typer.Option(min=2_000, help="Events and labels a round.")] = 60_000,
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


GROUPING_EXAMPLES = """
Examples:

  millrace bench clusters USE_CASE                    50,000 simulated events

  millrace bench clusters USE_CASE --events 100000 --json
"""


@bench.command(epilog=GROUPING_EXAMPLES)
def clusters(
    use_case: Annotated[str, typer.Argument(help="A use case that groups events, and has a simulator.")],
    events: Annotated[int, typer.Option(min=10_000, help="Simulated events.")] = 50_000,
    seed: Annotated[int | None, typer.Option(show_default="the use case's", help="Which simulated stream.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Compare the clusters of each candidate with batch k-means on the same events, and with themselves over time."""
    from millrace.runtime.determinism import fix_hash_seed

    fix_hash_seed()
    import msgspec

    from millrace.cli.consoles import ERR, OUT
    from millrace.rehearsal.grouping import bench_grouping
    from millrace.rehearsal.simulated import simulate
    from millrace.usecases import find

    chosen = find(use_case)
    ERR.print(f"Grouping {events:,} simulated events …")
    found = bench_grouping(chosen, simulate(chosen, events, chosen.seed if seed is None else seed).facts)
    if json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
        return
    OUT.print(
        f"Over the newest {found.window:,} labelled events, {found.groups} true groups. Batch k-means on the same: "
        f"V-measure {found.ceiling['v_measure']:.3f}, adjusted Rand {found.ceiling['adjusted_rand']:.3f}."
    )
    for name, it in found.candidates.items():
        OUT.print(
            f"\n[bold]{name}[/bold]: V-measure {it.v_measure:.3f} ({it.of_ceiling:.0%} of the ceiling), adjusted Rand "
            f"{it.adjusted_rand:.3f}, noise {it.noise:.1%}, stability {it.stability or 0:.3f}, {it.ids} ids given"
        )
        for one in it.told:
            OUT.print(
                f"  {one.id:>3}  {one.share:>6.1%}  {one.words}  (mostly {' > '.join(k or '–' for k in one.mostly)})"
            )

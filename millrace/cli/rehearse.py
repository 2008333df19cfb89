"""`millrace rehearse`: the whole loop in one process; no service runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

if TYPE_CHECKING:
    from millrace.domain.simulation import Drift
    from millrace.domain.usecase import AnyUseCase
    from millrace.rehearsal import Report
    from millrace.rehearsal.simulated import Simulated

EXAMPLES = """
Examples:

  millrace rehearse USE_CASE                      the whole recording: a table by month, and a picture

  millrace rehearse USE_CASE --limit 50000        its first 50,000 records only

  millrace rehearse USE_CASE --events 100000 --seed 7 --drift SCENARIO@20000    a simulated stream that changes

  millrace rehearse USE_CASE --json | jq .digest  for scripts; progress goes to stderr
"""


EVENTS = 100_000
"""Events of a simulated stream, unless told otherwise."""


class Wish(NamedTuple):
    """What was asked of a simulated stream."""

    events: int | None
    seed: int | None
    drift: tuple[str, ...]

    def __bool__(self) -> bool:
        return any(it not in (None, ()) for it in self)

    def drifts(self) -> tuple[Drift, ...]:
        """Return the drifts that were asked for."""
        from millrace.domain.simulation import Drift

        return tuple(Drift.parse(it) for it in self.drift)


def register(app: typer.Typer) -> None:
    """Add the command, and its alias `backtest`."""
    app.command("rehearse", epilog=EXAMPLES)(rehearse)
    app.command("backtest", epilog=EXAMPLES, hidden=True)(rehearse)


def rehearse(
    use_case: Annotated[str, typer.Argument(help="The use case: its name, or its file.")],
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after so many records (events and labels).")] = None,
    events: Annotated[
        int | None, typer.Option(min=1, show_default="100000", help="Events of a simulated stream to rehearse on.")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(show_default="the use case's", help="Which simulated stream: the same seed, the same bytes."),
    ] = None,
    drift: Annotated[
        list[str],
        typer.Option(metavar="SCENARIO@EVENT", help="Let a simulated world change at an event; may be repeated."),
    ] = [],  # noqa: B006 - typer wants the default here, and nobody changes it
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    picture: Annotated[
        Path | None, typer.Option(help="Where to write the picture, an HTML page. Default: rehearsal-USE_CASE.html.")
    ] = None,
) -> None:
    """Learn a use case's recording, or its simulated stream, honestly: predict, wait for the label, score, learn."""
    from millrace.runtime.determinism import fix_hash_seed

    fix_hash_seed()
    report = _run(use_case, limit, Wish(events, seed, tuple(drift)))
    if json:
        import msgspec

        sys.stdout.write(msgspec.json.encode(report).decode() + "\n")
        if picture is None:
            return
    else:
        _print(report)
    _draw(report, picture or Path(f"rehearsal-{report.use_case}.html"))


def _run(name: str, limit: int | None, wish: Wish) -> Report:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from millrace.cli.consoles import ERR
    from millrace.rehearsal import rehearse as run
    from millrace.runtime.collector import fit_collector
    from millrace.usecases import find

    use_case = find(name)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=ERR, transient=True, disable=not ERR.is_terminal) as bars:
        reading = bars.add_task("reading the stream", total=100)
        told = _stream(use_case, wish, lambda share: bars.update(reading, completed=round(100 * share)))
        facts = told.facts[:limit]
        fit_collector()
        learning = bars.add_task("rehearsing", total=len(facts))
        return run(
            use_case,
            facts,
            lambda done, _of: bars.update(learning, completed=done),
            oracle=told.oracle,
            drifts=wish.drifts(),
        )


def _stream(use_case: AnyUseCase, wish: Wish, progress: object) -> Simulated:
    """Return what is rehearsed on: what is simulated as was wished for, else the recording."""
    from millrace.adapters.archive.tables import load_replayed
    from millrace.cli.consoles import ERR
    from millrace.domain.errors import UseCaseError
    from millrace.rehearsal.simulated import Simulated, simulate

    if use_case.simulator is not None and (use_case.source is None or wish):
        seed = use_case.seed if wish.seed is None else wish.seed
        return simulate(use_case, wish.events or EVENTS, seed, wish.drifts(), progress)  # type: ignore[arg-type]
    if wish:
        raise UseCaseError(f"{use_case.name} has no simulator: --events, --seed and --drift are for simulated streams")
    if use_case.source is None:
        raise UseCaseError(f"{use_case.name} has neither a recorded source nor a simulator to rehearse on")
    found, tallies = load_replayed(use_case, progress)  # type: ignore[arg-type]
    for tally in tallies:
        ERR.print(str(tally), markup=False, highlight=False)
    return Simulated(found, {})


def _print(report: Report) -> None:
    from rich.table import Table

    from millrace.cli.consoles import OUT
    from millrace.domain.metrics import best, direction
    from millrace.rehearsal.report import ORACLE

    names = report.contestants
    unit = f", {report.unit}" if report.unit else ""
    table = Table(title=f"{report.question}\n{report.metric}{unit}; {direction(report.metric)}", title_justify="left")
    table.add_column(report.by)
    table.add_column("labels", justify="right")
    for name in names:
        table.add_column(f"{name} *" if name == report.champion else name, justify="right")
    periods = report.periods
    for number, period in enumerate(periods, start=1):
        top = best(report.metric, (it for name, it in period.scores.items() if name != ORACLE))
        cells = [period.scores.get(name) for name in names]
        last = number == len(periods)
        table.add_row(period.name, f"{period.labels:,}", *(_cell(it, top) for it in cells), end_section=last)
    overall = [*(it.overall for it in report.candidates.values()), *report.baselines.values()]
    top = best(report.metric, (it for it in overall if it is not None))
    oracle = [] if report.oracle is None else [_cell(report.oracle, top)]
    table.add_row("all", f"{report.labels:,}", *(_cell(it, top) for it in overall), *oracle)
    OUT.print(table)
    for name, it in report.intervals.items():
        OUT.print(
            f"{it.stated:.0%} intervals of {name}: {it.coverage:.1%} of {it.labels:,} truths held (lately {it.recent:.1%}), "
            f"{_cell(it.width, None)}{report.unit and f' {report.unit}'} wide on average."
        )
    OUT.print(
        f"* champion. {report.events:,} events in {report.seconds:.1f} s ({report.events_per_second:,.0f} a second), "
        f"{report.dead_letters} dead letters, {len(report.alarms)} drift alarms. State {report.state_id}, digest {report.digest}."
    )


def _cell(score: float | None, top: float | None) -> str:
    from millrace.rehearsal.picture import number

    return f"[bold]{number(score)}[/bold]" if score is not None and score == top else number(score)


def _draw(report: Report, to: Path) -> None:
    from millrace.cli.consoles import ERR
    from millrace.rehearsal import picture

    to.write_text(picture(report), encoding="utf-8")
    ERR.print(f"Picture: {to}")

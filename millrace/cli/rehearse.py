"""`millrace rehearse`: the whole loop in one process; no service runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from millrace.domain.usecase import AnyUseCase, Fact
    from millrace.rehearsal import Report

EXAMPLES = """
Examples:

  millrace rehearse USE_CASE                      the whole recording: a table by month, and a picture

  millrace rehearse USE_CASE --limit 50000        its first 50,000 records only

  millrace rehearse USE_CASE --json | jq .digest  for scripts; progress goes to stderr
"""


def register(app: typer.Typer) -> None:
    """Add the command, and its alias `backtest`."""
    app.command("rehearse", epilog=EXAMPLES)(rehearse)
    app.command("backtest", epilog=EXAMPLES, hidden=True)(rehearse)


def rehearse(
    use_case: Annotated[str, typer.Argument(help="The use case, by name.")],
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after so many records (events and labels).")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    picture: Annotated[
        Path | None, typer.Option(help="Where to write the picture, an HTML page. Default: rehearsal-USE_CASE.html.")
    ] = None,
) -> None:
    """Learn a use case's recording from the beginning, honestly: predict, wait for the label, score, learn."""
    from millrace.runtime.determinism import fix_hash_seed

    fix_hash_seed()
    report = _run(use_case, limit)
    if json:
        import msgspec

        sys.stdout.write(msgspec.json.encode(report).decode() + "\n")
        if picture is None:
            return
    else:
        _print(report)
    _draw(report, picture or Path(f"rehearsal-{report.use_case}.html"))


def _run(name: str, limit: int | None) -> Report:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from millrace.cli.consoles import ERR
    from millrace.rehearsal import rehearse as run
    from millrace.runtime.collector import fit_collector
    from millrace.usecases import find

    use_case = find(name)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=ERR, transient=True, disable=not ERR.is_terminal) as bars:
        reading = bars.add_task("reading the recording", total=100)
        facts = _facts(use_case, lambda share: bars.update(reading, completed=round(100 * share)))[:limit]
        fit_collector()
        learning = bars.add_task("rehearsing", total=len(facts))
        return run(use_case, facts, lambda done, _of: bars.update(learning, completed=done))


def _facts(use_case: AnyUseCase, progress: object) -> list[Fact]:
    from millrace.adapters.archive.recorded import load
    from millrace.domain.errors import UseCaseError

    if use_case.source is None:
        raise UseCaseError(f"{use_case.name} has no recorded source to rehearse on")
    return load(use_case.source, progress)  # type: ignore[arg-type]


def _print(report: Report) -> None:
    from rich.table import Table

    from millrace.cli.consoles import OUT
    from millrace.domain.metrics import best, direction

    names = [*report.candidates, *report.baselines]
    unit = f", {report.unit}" if report.unit else ""
    table = Table(title=f"{report.question}\n{report.metric}{unit}; {direction(report.metric)}", title_justify="left")
    table.add_column("month")
    table.add_column("labels", justify="right")
    for name in names:
        table.add_column(f"{name} *" if name == report.champion else name, justify="right")
    for month in report.months:
        top = best(report.metric, month.scores.values())
        cells = [month.scores.get(name) for name in names]
        table.add_row(
            month.month, f"{month.labels:,}", *(_cell(it, top) for it in cells), end_section=month is report.months[-1]
        )
    overall = [*(it.overall for it in report.candidates.values()), *report.baselines.values()]
    top = best(report.metric, (it for it in overall if it is not None))
    table.add_row("all", f"{report.labels:,}", *(_cell(it, top) for it in overall))
    OUT.print(table)
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

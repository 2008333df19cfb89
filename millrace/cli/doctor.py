"""`millrace doctor`: what is in force, and what is wrong."""

from __future__ import annotations

import os
import sys
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from millrace.cli.examination import Finding
    from millrace.cli.settings import Setting

EXAMPLES = """
Examples:

  millrace doctor                   every setting with its source, then what is wrong

  millrace doctor --brief           only what is wrong or worth knowing

  millrace doctor --json | jq '.findings[] | select(.level == "wrong")'

Exit code 1 when something is wrong. Secrets are not shown.
"""

_MARKS = {"good": "[green]✓[/]", "note": "[yellow]·[/]", "wrong": "[red]✗[/]"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor", epilog=EXAMPLES)(doctor)


def doctor(
    home: Annotated[Path, typer.Option(envvar="MILLRACE_HOME", help="The home to look at.")] = Path(".millrace"),
    brief: Annotated[bool, typer.Option("--brief", help="Leave out settings, and what is as it should be.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print all of it as JSON.")] = False,
) -> None:
    """Say what is in force, where it comes from, what is wrong, and what to do."""
    from millrace.cli.adoption import TOLD_BY, adopt
    from millrace.cli.examination import examine, here
    from millrace.cli.settings import in_force

    os.environ["MILLRACE_HOME"] = str(home)
    adopt(home)
    settings, findings, place = in_force(TOLD_BY), examine(home), here()
    if json:
        import msgspec

        found = {"here": place, "settings": settings, "findings": findings}
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    else:
        _print(place, [] if brief else settings, [it for it in findings if not brief or it.level != "good"])
    if any(it.level == "wrong" for it in findings):
        raise typer.Exit(1)


def _print(place: dict[str, str], settings: list[Setting], findings: list[Finding]) -> None:
    from rich.markup import escape

    from millrace.cli.consoles import OUT

    OUT.print("  ".join(f"{name} {value}" for name, value in place.items()), soft_wrap=True, style="dim")
    for used_by, those in groupby(settings, lambda it: it.used_by):
        OUT.print(f"\n[bold]{', '.join(used_by)}[/]")
        for it in those:
            source = "" if it.source == "default" else f"  [cyan]({escape(it.source)})[/]"
            OUT.print(f"  {it.variable} = {escape(it.value)}{source}", soft_wrap=True)
            OUT.print(f"      [dim]{escape(it.help)}[/]", soft_wrap=True)
    OUT.print()
    for finding in findings:
        todo = f"\n  → {escape(finding.do)}" if finding.do else ""
        OUT.print(f"{_MARKS[finding.level]} {finding.about}: {escape(finding.words)}{todo}", soft_wrap=True)
    wrong = sum(it.level == "wrong" for it in findings)
    OUT.print(f"\n{wrong} wrong" if wrong else "\nNothing is wrong.")

"""`millrace check`: what every use case must pass, in plain words."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from millrace.checking import Checked

EXAMPLES = """
Examples:

  millrace check my_case.py             each fault with its line, and what to do

  millrace check my_case.py --json      for scripts and editors
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check", epilog=EXAMPLES)(check)


def check(
    use_case: Annotated[str, typer.Argument(help="A use case's file, or the name of one that ships.")],
    json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """Check a use case: no peeking, deterministic and restorable, River's traps. Ends with 1 when something is wrong."""
    from millrace.checking import check as run
    from millrace.runtime.determinism import fix_hash_seed

    fix_hash_seed()
    checked = run(_file(use_case))
    if json:
        import msgspec

        sys.stdout.write(
            msgspec.json.encode({**msgspec.to_builtins(checked), "passed": checked.passed}).decode() + "\n"
        )
    else:
        _print(checked)
    if not checked.passed:
        raise typer.Exit(1)


def _file(use_case: str) -> Path:
    if use_case.endswith(".py"):
        return Path(use_case)
    from millrace.usecases import find

    code = find(use_case).features.__code__
    return Path(code.co_filename)


def _print(checked: Checked) -> None:
    here = Path.cwd()
    for it in checked.findings:
        where = Path(it.file)
        shown = where.relative_to(here) if where.is_relative_to(here) else where
        typer.echo(f"{shown}:{it.line}: {'' if it.level == 'wrong' else 'note: '}{it.words}. {it.do} [{it.rule}]")
    wrong = sum(it.level == "wrong" for it in checked.findings)
    if wrong:
        typer.echo(f"{wrong} thing{'s' if wrong > 1 else ''} wrong.")
    else:
        facts = "of its own" if checked.real else "made up from its types (it has no source)"
        typer.echo(
            f"{checked.use_case}: all right, on {checked.facts:,} facts {facts}; restored at three points in another process "
            f"it is the same; about {checked.events_per_second:,.0f} events a second here."
        )

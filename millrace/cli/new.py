"""`millrace new`: writes the file of a use case that runs at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = """
Examples:

  millrace new parcels                                            an example with data of its own, to read and change

  millrace new tips --from tips.csv                               columns guessed; guesses are marked ASK

  millrace new tips --from tips.csv --target tip --time day       what you know, say

  millrace new tips --from tips.csv --labels paid.csv             the truth is in a second file
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("new", epilog=EXAMPLES)(new)


def new(
    name: Annotated[str, typer.Argument(help="The use case's name, in small letters with dashes.")],
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="A table: text with any separator, .jsonl or .parquet; .gz and .zip are unpacked. Default: one is made up.",
        ),
    ] = None,
    labels: Annotated[Path | None, typer.Option(help="A second table, with the truth.")] = None,
    target: Annotated[str | None, typer.Option(help="The column to learn. Default: the last that fits.")] = None,
    time: Annotated[str | None, typer.Option(help="The column that says when it happened.")] = None,
    id: Annotated[str | None, typer.Option(help="The column that names each row.")] = None,  # noqa: A002 - the option's name
    key: Annotated[str | None, typer.Option(help="The column with the entity it is about.")] = None,
    known_at: Annotated[str | None, typer.Option(help="The column that says when the truth was known.")] = None,
    later: Annotated[
        list[str], typer.Option(metavar="COLUMN", help="A column known only with the truth: left out. May be repeated.")
    ] = [],  # noqa: B006 - typer wants the default here, and nobody changes it
    delay: Annotated[str, typer.Option(help="Else: how long after the event it is known.")] = "1h",
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Write NAME.py (dashes become underscores) from a table, yours or a made-up one: types, profiles, features, candidates."""
    from millrace.domain.errors import Refused
    from millrace.drafting import Labelled, Wishes, draft, labels_looked_at, look, looked_at

    to = Path(f"{name.replace('-', '_')}.py")
    if to.exists() and not force:
        raise Refused(f"{to} is there already; say --force to write over it")
    if source is None and labels is not None:
        raise Refused(f"--labels {labels} is the truth about another table: name that one with --from")
    looked = look(source or _made_up(to.with_suffix(".csv"), force))
    wishes = Wishes(target, time, id, key, known_at, delay, tuple(later))
    if labels is None:
        columns, labelled = looked_at(looked.rows, wishes), None
    else:
        columns = looked_at(looked.rows, wishes._replace(target=None, known_at=None), learnt=False)
        other = look(labels)
        labelled = Labelled(other.table, labels_looked_at(other.rows, columns, wishes))
    found = [*columns, *(labelled.columns if labelled else ())]
    learnt = next(it.column for it in found if it.role == "target")
    to.write_text(draft(name, f"What will {learnt} be?", looked, columns, wishes, labelled), encoding="utf-8")
    for it in found:
        asked = "  (a guess)" if it.guessed else ""
        typer.echo(f"{it.column:<24} {it.kind:<8} {it.role:<8} as {it.field}{asked}")
    typer.echo(f"{to} is written. Next: millrace check {to}, then millrace rehearse {to}")


def _made_up(to: Path, force: bool) -> Path:
    """Write a small table to begin with; return where it is."""
    from millrace.domain.errors import Refused
    from millrace.drafting.example import orders

    if to.exists() and not force:
        raise Refused(f"{to} is there already: draft from it with --from {to}, or say --force to write over it")
    to.write_text(orders(), encoding="utf-8")
    typer.echo(f"{to} is written: made-up orders, to be replaced by a table of your own")
    return to

"""`millrace models`: the registered versions of a use case, and who is promoted."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from millrace.adapters.registry.port import ModelVersion
    from millrace.domain.usecase import AnyUseCase

EXAMPLES = """
Examples:

  millrace models USE_CASE                        the newest versions: champion, state id, scores, aliases

  millrace models USE_CASE --json                 all of them, for scripts

  millrace models USE_CASE --promote CANDIDATE    make a candidate the champion, by a command that is journalled
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("models", epilog=EXAMPLES)(models)


def models(
    use_case: Annotated[str, typer.Argument(help="The use case: its name, or its file.")],
    promote: Annotated[
        str, typer.Option(metavar="CANDIDATE", help="Ask the trainer to make this candidate the champion.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="Versions to show.")] = 20,
    json: Annotated[bool, typer.Option("--json", help="Print all versions as JSON.")] = False,
) -> None:
    """Show the versions that the registry holds, newest first; or promote a candidate."""
    from millrace.usecases import find

    found = find(use_case)
    if promote:
        return _promote(found, promote)
    versions = asyncio.run(_versions(found.name))
    if json:
        import msgspec

        sys.stdout.write(msgspec.json.encode({"use_case": found.name, "versions": versions}).decode() + "\n")
    else:
        _print(found.name, versions, limit)
    return None


async def _versions(use_case: str) -> list[ModelVersion]:
    from millrace.adapters.registry.mlflow import open_registry
    from millrace.runtime.settings import Connections

    registry = open_registry(Connections())
    try:
        return await registry.versions(use_case)
    finally:
        await registry.close()


def _print(use_case: str, versions: list[ModelVersion], limit: int) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from millrace.cli.consoles import ERR, OUT

    if not versions:
        return ERR.print(f"No version of {use_case} is registered yet; the trainer does so every few minutes.")
    names = sorted({name for version in versions[:limit] for name in version.metrics})
    table = Table(title=f"{use_case}: {len(versions)} versions", title_justify="left", box=SIMPLE_HEAD)
    for column in ("", "alias", "state id", "champion", "trained until", *names):
        table.add_column(column, justify="right" if column in names else "left", no_wrap=column == "state id")
    for it in versions[:limit]:
        scores = [f"{it.metrics[name]:.2f}" if name in it.metrics else "–" for name in names]
        until = it.trained_until[:16].replace("T", " ")
        table.add_row(str(it.version), ", ".join(it.aliases), it.state_id, it.champion, until, *scores)
    return OUT.print(table)


def _promote(use_case: AnyUseCase, candidate: str) -> None:
    from millrace.cli.consoles import OUT
    from millrace.cli.telling import tell
    from millrace.domain.errors import Refused

    if candidate not in use_case.candidates:
        raise Refused(f"{use_case.name} has no candidate {candidate!r}; it has: {', '.join(use_case.candidates)}")
    tell(use_case, "commands", {"command": "promote", "candidate": candidate})
    OUT.print(f"Asked for: the trainer makes {candidate} the champion with its next batch, and registers it.")

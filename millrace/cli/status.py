"""`millrace status`: the platform of a home in one look."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from millrace.runtime.status import PartStatus, ShardStatus, Status

EXAMPLES = """
Examples:

  millrace status                                 parts with their memory, shards with their lag

  millrace status --json | jq '.parts[] | {name, memory_mb}'

Exit code 1 when nothing runs, or a part is not ready.
"""

_COLOURS = {"ready": "green", "restarting": "red", "not ready": "yellow", "starting": "yellow"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("status", epilog=EXAMPLES)(status)


def status(
    home: Annotated[Path, typer.Option(envvar="MILLRACE_HOME", help="The home that `millrace up` runs from.")] = Path(
        ".millrace"
    ),
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Show what runs, where, with how much memory, and where each shard stands."""
    from millrace.runtime.home import Home
    from millrace.runtime.status import status as ask

    found = ask(Home(home))
    if json:
        import msgspec

        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    else:
        _print(found, home)
    if not found.running or any(part.state != "ready" for part in found.parts):
        raise typer.Exit(1)


def _print(found: Status, home: Path) -> None:
    from millrace.cli.consoles import ERR, OUT

    if not found.running:
        return ERR.print(f"Nothing runs from {home}; `millrace up` starts it.")
    OUT.print(_parts(found.parts, found.memory_mb))
    if found.shards:
        OUT.print(_shards(found.shards))
    for part in found.parts:
        if part.why:
            ERR.print(f"{part.name}: {part.why}", markup=False, soft_wrap=True)
    for shard in found.shards:
        for what, words in shard.troubles.items():
            ERR.print(f"{shard.use_case}.{shard.shard}: {what}: {words}", markup=False)
    return None


def _parts(parts: list[PartStatus], total: float) -> Table:
    from rich.table import Table

    table = Table(show_footer=True)
    table.add_column("part", "all")
    table.add_column("state")
    table.add_column("address", overflow="fold")
    table.add_column("pid", justify="right")
    table.add_column("restarts", justify="right")
    table.add_column("memory MB", f"{total:,.0f}", justify="right")
    for it in parts:
        state = f"[{_COLOURS.get(it.state, 'default')}]{it.state}[/]"
        pid = "–" if it.pid is None else str(it.pid)
        table.add_row(it.name, state, it.address, pid, str(it.restarts), f"{it.memory_mb:,.0f}")
    return table


def _shards(shards: list[ShardStatus]) -> Table:
    from rich.table import Table

    table = Table()
    for column in ("shard", "owner", "state id", "lag", "checkpoint"):
        table.add_column(column)
    for it in shards:
        lag = "–" if it.lag is None else f"{it.lag:,}"
        age = "–" if it.checkpoint_age_s is None else f"{it.checkpoint_age_s:.0f} s ago"
        table.add_row(f"{it.use_case}.{it.shard}", it.owner, it.state_id, lag, age)
    return table

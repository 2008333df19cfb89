"""`millrace rebuild`: a past state, made again from what is kept, and compared."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from trainer.rebuild import Rebuilt

EXAMPLES = """
Examples:

  millrace rebuild USE_CASE.0.1.4711        the state after a journal entry

  millrace rebuild USE_CASE.0.1.4711~12     the state 12 records later, as a prediction names it

  millrace rebuild USE_CASE                 the newest state there is

  millrace rebuild USE_CASE --audit         the same from the oldest checkpoint: the whole chain is verified
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("rebuild", epilog=EXAMPLES)(rebuild)


def rebuild(
    state_id: Annotated[str, typer.Argument(help="A state id; or a use case, by name or file, for its newest state.")],
    audit: Annotated[bool, typer.Option("--audit", help="Replay the whole epoch, as far as it is kept.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Rebuild a state bit for bit from a checkpoint before it, the journal, events and labels. Reads only."""
    from millrace.runtime.determinism import fix_hash_seed

    fix_hash_seed()
    import asyncio

    from rich.progress import Progress

    from millrace.cli.consoles import ERR, OUT
    from trainer.rebuild import rebuild_from_settings

    with Progress(console=ERR, transient=True, disable=not ERR.is_terminal) as bars:
        task = bars.add_task("replaying the journal", total=None)
        found = asyncio.run(
            rebuild_from_settings(state_id, audit, lambda done, of: bars.update(task, completed=done, total=of))
        )
    if json:
        import msgspec

        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    else:
        OUT.print(_words(found))
    if not found.matches:
        raise typer.Exit(1)


def _words(found: Rebuilt) -> str:
    compared = "its checkpoint's digest" if found.by == "state" else "the journal's chain"
    return (
        f"state    {found.state_id}\nmatches: {str(found.matches).lower()} (compared with {compared})\n"
        f"digest   {found.digest or '-'}\nfrom     {found.from_checkpoint}, {found.entries} journal entries replayed"
        + (f"\n{found.detail}" if found.detail else "")
    )

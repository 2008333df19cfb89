"""`millrace plan`: what becomes of what was learnt, now that the use case or a library changed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from trainer.planning import Plan, Planned

EXAMPLES = """
Examples:

  millrace plan USE_CASE                each part: keep, warm up (from how many events, how long), or new epoch

  millrace plan ./my_case.py --json     the same for scripts

  millrace plan ./my_case.py --apply    do it: the trainer begins a new epoch with what is kept

Without --apply it reads only. A trainer that waits because its state was written by something else takes an applied plan up by
itself, within half a minute. A plan is for this one change: what changes later needs its own.
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("plan", epilog=EXAMPLES)(plan)


def plan(
    use_case: Annotated[str, typer.Argument(help="The use case as it is now: its name, or its file.")],
    timing: Annotated[bool, typer.Option(help="Time learning for a moment, to say how long a warm-up takes.")] = True,
    apply: Annotated[bool, typer.Option("--apply", help="Let the trainer begin a new epoch by this plan.")] = False,
    shard: Annotated[int, typer.Option(min=0, help="The shard whose newest checkpoint is compared.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")] = False,
) -> None:
    """Compare a use case with what its newest checkpoint was learnt with; with --apply, go on with what can be kept."""
    from millrace.runtime.determinism import fix_hash_seed

    fix_hash_seed()
    import asyncio

    from trainer.planning import plan_from_settings

    found = asyncio.run(plan_from_settings(use_case, shard, apply=apply))
    if timing and any(it.verdict == "warm up" for it in found.parts):
        found = _timed(found, use_case)
    if json:
        import msgspec

        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    else:
        _print(found, applied=apply and not found.goes_on)


def _timed(found: Plan, use_case: str) -> Plan:
    """Time the learner as `check` does; a use case that does not pass cannot be timed."""
    from pathlib import Path

    from millrace.checking import check
    from millrace.usecases import find

    speed = check(Path(find(use_case).features.__code__.co_filename)).events_per_second
    return found.timed(speed) if speed else found


def _print(found: Plan, *, applied: bool) -> None:
    """Print what changes; what stays is counted."""
    kept = sum(it.why == "unchanged" or it.why.endswith("as it was") for it in found.parts)
    typer.echo(f"{found.state_id}, learnt from {found.events:,} events: {kept} parts are as they were")
    for it in found.parts:
        if it.why != "unchanged" and not it.why.endswith("as it was"):
            typer.echo(f"  {it.verdict:<10} {it.part}: {it.why}{_length(it)}")
    if applied:
        typer.echo("Applied: the trainer begins the new epoch when it next takes the shard up.")
    else:
        typer.echo(f"So: {found.applying}.")


def _length(it: Planned) -> str:
    if it.events is None:
        return ""
    took = "" if it.seconds is None else f", about {it.seconds:,.0f} s at the speed measured here"
    return f" (from {it.events:,} events{took})"

"""`millrace prepare`: makes the topics and buckets that a platform stands on, where they are missing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from millrace.domain.usecase import AnyUseCase
    from millrace.runtime.settings import Connections

EXAMPLES = """
Examples:

  millrace prepare USE_CASE ./my_case.py          their topics; those that others write are not made

  millrace prepare USE_CASE --bucket checkpoints  and a bucket

  millrace prepare USE_CASE --wait 600            wait for Kafka and the store, as a job beside them must

What is there stays as it is: safe to run again.
"""

_AGAIN_AFTER = 2.0
_PATIENCE = 10.0
"""Seconds to wait for one answer of the log."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("prepare", epilog=EXAMPLES)(prepare)


def prepare(
    use_cases: Annotated[list[str], typer.Argument(help="Use cases: names, or files.")],
    bucket: Annotated[list[str], typer.Option(metavar="NAME", help="A bucket to make. May be repeated.")] = [],  # noqa: B006 - typer wants the default here, and nobody changes it
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for what does not answer yet.")] = 0.0,
) -> None:
    """Make the topics of use cases, and buckets, where they are missing."""
    from millrace.runtime.settings import Connections
    from millrace.usecases import find

    settings = Connections()
    cases = [find(it).under(settings.topic_prefix) for it in use_cases]
    asyncio.run(_prepare(settings, cases, bucket, time.monotonic() + wait))


async def _prepare(settings: Connections, cases: list[AnyUseCase], buckets: list[str], until: float) -> None:
    for name in buckets:
        await _patiently(lambda name=name: _make_bucket(settings, name), until)  # type: ignore[misc]
    await _patiently(lambda: _make_topics(settings, cases), until)


async def _patiently(make: Callable[[], Awaitable[None]], until: float) -> None:
    """Try until it is done, as long as there is time; then let the failure out."""
    from millrace.domain.errors import Unreachable

    said = ""
    while True:
        try:
            return await make()
        except Unreachable as error:
            if time.monotonic() > until:
                raise
            if str(error) != said:
                typer.echo(f"waiting: {error}")
            said = str(error)
        await asyncio.sleep(_AGAIN_AFTER)


async def _make_bucket(settings: Connections, name: str) -> None:
    from millrace.adapters.checkpoints.s3 import S3Objects

    made = await S3Objects(settings, name).ensure_bucket()
    typer.echo(f"bucket {name}: {'made' if made else 'there'}")


async def _make_topics(settings: Connections, cases: list[AnyUseCase]) -> None:
    from trainer.opening import own_topics
    from trainer.wiring import log_of

    bus = log_of(settings, "millrace-prepare")
    try:
        for case in cases:
            for topic, partitions in (await bus.ensure_topics(dict.fromkeys(own_topics(case), 1))).items():
                typer.echo(f"topic {topic}: {partitions} partition{'s' * (partitions > 1)}")
    finally:
        await bus.close()

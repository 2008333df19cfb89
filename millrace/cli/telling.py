"""Tells a running part what is wished, over a topic of its use case."""

from __future__ import annotations

import asyncio
from typing import Any

from millrace.domain.usecase import AnyUseCase


def tell(use_case: AnyUseCase, kind: str, wish: dict[str, Any]) -> None:
    """Write a wish to a use case's topic of a kind (`commands`, `simulation`); raises `Unreachable` without a log."""
    asyncio.run(_tell(use_case, kind, wish))


async def _tell(use_case: AnyUseCase, kind: str, wish: dict[str, Any]) -> None:
    import msgspec

    from millrace.adapters.bus.kafka import KafkaBus
    from millrace.adapters.bus.port import Message
    from millrace.runtime.settings import Connections

    connections = Connections()
    topic = use_case.under(connections.topic_prefix).topic(kind)
    bus = KafkaBus.of(connections, f"millrace-{kind}", 10.0)
    try:
        await bus.ensure_topics({topic: 1})
        writer = await bus.writer()
        await writer.send([Message(topic, msgspec.json.encode(wish), partition=0)])
        await writer.close()
    finally:
        await bus.close()

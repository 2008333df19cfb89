"""A reader that gives out records only once the schemas they name are known."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Protocol

from millrace.adapters.bus.port import Reader, Record, TopicPartition


class Explainer(Protocol):
    """Makes schemas known."""

    async def explain(self, found: Mapping[TopicPartition, list[Record]]) -> bool:
        """Make every schema known that records name; tell whether that was possible."""


class ExplainedReader:
    """Wraps a reader. While a registry is away it holds back what was read: nothing is lost, nothing goes past it."""

    def __init__(self, reader: Reader, schemas: Explainer) -> None:
        self._reader = reader
        self._schemas = schemas
        self._held: dict[TopicPartition, list[Record]] = {}

    async def read(self, *, timeout: float, max_records: int | None = None) -> dict[TopicPartition, list[Record]]:
        """Return what has come and is explained; empty after `timeout` seconds without anything."""
        if not self._held:
            self._held = await self._reader.read(timeout=timeout, max_records=max_records)
        if self._held and not await self._schemas.explain(self._held):
            await asyncio.sleep(timeout)
            return {}
        found, self._held = self._held, {}
        return found

    def position(self, where: TopicPartition) -> int:
        """Return the next offset to be given out."""
        held = self._held.get(where)
        return held[0].offset if held else self._reader.position(where)

    def at_end(self, where: TopicPartition) -> bool:
        """Tell whether everything known to be readable in a partition was given out."""
        return where not in self._held and self._reader.at_end(where)

    def pause(self, where: Iterable[TopicPartition]) -> None:
        """Stop reading partitions for now."""
        self._reader.pause(where)

    def resume(self, where: Iterable[TopicPartition]) -> None:
        """Go on reading paused partitions."""
        self._reader.resume(where)

    async def close(self) -> None:
        """Let go."""
        await self._reader.close()

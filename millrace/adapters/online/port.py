"""The online store: the newest snapshot of each shard, for serving, and live views. Rebuildable, never the truth."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Version(NamedTuple):
    """Which state a snapshot is of; compares in order of history."""

    epoch: int
    offset: int


class Published(NamedTuple):
    """A snapshot as found: its version and its sealed bytes."""

    version: Version
    sealed: bytes


class OnlineStore(Protocol):
    """Every call raises `Unreachable` when the store does not answer in time."""

    async def publish(self, use_case: str, shard: int, version: Version, sealed: bytes) -> bool:
        """Keep a snapshot unless a newer or equal one is there; tell whether it was taken. Atomic."""

    async def version(self, use_case: str, shard: int) -> Version | None:
        """Return the kept snapshot's version, or `None`. Cheap enough to ask four times a second."""

    async def fetch(self, use_case: str, shard: int) -> Published | None:
        """Return the kept snapshot, or `None`."""

    async def show(self, use_case: str, views: bytes) -> None:
        """Keep the live views of a use case (its name with the topic prefix before it) in place of those before."""

    async def shown(self, use_case: str) -> bytes | None:
        """Return the live views that were kept last, or `None`; those that nobody renews are gone after a day."""

    async def close(self) -> None:
        """Let go of every connection."""

"""The twin of the online store, in memory."""

from __future__ import annotations

from millrace.adapters.online.port import Published, Version


class MemoryOnlineStore:
    """Keeps the newest snapshot of each shard as long as the process lasts."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, int], Published] = {}
        self._views: dict[str, bytes] = {}

    async def publish(self, use_case: str, shard: int, version: Version, sealed: bytes) -> bool:
        """Keep a snapshot unless a newer or equal one is there; tell whether it was taken."""
        there = self._kept.get((use_case, shard))
        if there is not None and version <= there.version:
            return False
        self._kept[use_case, shard] = Published(version, bytes(sealed))
        return True

    async def version(self, use_case: str, shard: int) -> Version | None:
        """Return the kept snapshot's version, or `None`."""
        there = self._kept.get((use_case, shard))
        return None if there is None else there.version

    async def fetch(self, use_case: str, shard: int) -> Published | None:
        """Return the kept snapshot, or `None`."""
        return self._kept.get((use_case, shard))

    async def show(self, use_case: str, views: bytes) -> None:
        """Keep the live views of a use case in place of those before."""
        self._views[use_case] = bytes(views)

    async def shown(self, use_case: str) -> bytes | None:
        """Return the live views that were kept last, or `None`."""
        return self._views.get(use_case)

    async def close(self) -> None:
        """Let go; what was kept stays, as it would on a real store."""

"""Snapshots for serving: as often as their cost allows, newest only, off the learning loop but for the fork."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from millrace.adapters.online.port import OnlineStore, Version
from millrace.domain.errors import MillraceError, Unreachable
from millrace.learning.sealed import Sign
from millrace.learning.shard import Shard
from trainer.forked import Forked
from trainer.states import sealed_snapshot

log = structlog.get_logger()

SNAPSHOT = "snapshot"
LOOK_EVERY = 2.0
"""Seconds without anything new after which the store is asked whether it still has the newest."""
LONGEST_WAIT = 30.0
"""Seconds after which a snapshot is due whatever it costs."""
AGAIN_AFTER = 0.5
"""Seconds after a snapshot that could not be published until the next is taken."""


class Snapshots:
    """Publishes committed states. `offer` is called between transactions and blocks only while it forks."""

    def __init__(
        self,
        store: OnlineStore,
        sign: Sign,
        *,
        interval: float,
        share: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._sign = sign
        self._interval = interval
        self._share = share
        self._now = now
        self._due = 0.0
        self._sent: Version | None = None
        self._lost = False
        self._under_way: tuple[str, int, Version, Forked] | None = None
        self._wake = asyncio.Event()
        self._published: tuple[str, int, Version] | None = None
        self.published_at: float | None = None
        self.bytes = 0
        self.trouble: str | None = None

    def offer(self, shard: Shard) -> None:
        """Take a snapshot of a committed state if one is due and none is under way."""
        version = Version(shard.epoch, shard.offset)
        if self._under_way or self._now() < self._due or (version == self._sent and not self._lost):
            return
        self._lost = False
        started = time.thread_time()  # not the wall's: what other processes take of the machine is no cost of ours
        written = Forked.begin(lambda folder: self._write(folder, shard))
        cost = time.thread_time() - started
        self._due = self._now() + max(self._interval, min(cost / self._share, LONGEST_WAIT))
        self._sent = version
        self._under_way = shard.use_case.name, shard.number, version, written
        self._wake.set()

    def _write(self, folder: Path, shard: Shard) -> None:
        (folder / SNAPSHOT).write_bytes(sealed_snapshot(shard, self._sign))

    async def run(self) -> None:
        """Publish what is offered, for ever.

        After a failure the newest state is offered again. A store that lost everything is noticed while nothing new is
        offered, and given the newest state again.
        """
        while True:
            try:
                async with asyncio.timeout(LOOK_EVERY):
                    await self._wake.wait()
            except TimeoutError:
                await self._look()
                continue
            self._wake.clear()
            if self._under_way is not None:
                use_case, shard, version, written = self._under_way
                try:
                    await self._publish(use_case, shard, version, (await written.finish())[SNAPSHOT])
                except (MillraceError, OSError) as error:
                    self._failed(str(error))
                finally:
                    self._under_way = None

    def _failed(self, reason: str) -> None:
        if self.trouble is None:
            log.warning("snapshots are not published", reason=reason)
        self.trouble = reason
        self._sent = None
        self._due = self._now() + AGAIN_AFTER

    async def _look(self) -> None:
        if self._published is None:
            return
        use_case, shard, version = self._published
        try:
            there = await self._store.version(use_case, shard)
        except Unreachable as error:
            self.trouble = str(error)
        else:
            self._lost = there is None or there < version
            self.trouble = None

    async def _publish(self, use_case: str, shard: int, version: Version, sealed: bytes) -> None:
        taken = await self._store.publish(use_case, shard, version, sealed)
        if self.trouble is not None:
            log.info("snapshots are published again")
        self.trouble = None
        self.published_at = self._now()
        self._published = use_case, shard, version
        self.bytes = len(sealed)
        if not taken:
            log.info("a newer snapshot is there already", version=str(version))

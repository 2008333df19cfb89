"""Snapshots for serving: as often as their cost allows, newest only, off the learning loop but for the pickling."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from millrace.adapters.online.port import OnlineStore, Version
from millrace.domain.errors import Unreachable
from millrace.learning.sealed import Sign
from millrace.learning.shard import Shard
from trainer.states import sealed_snapshot

log = structlog.get_logger()

LOOK_EVERY = 2.0
"""Seconds without anything new after which the store is asked whether it still has the newest."""
LONGEST_WAIT = 30.0
"""Seconds after which a snapshot is due whatever it costs."""


class Snapshots:
    """Publishes committed states. `offer` is called between transactions and blocks only while it pickles."""

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
        self._waiting: tuple[str, int, Version, bytes] | None = None
        self._wake = asyncio.Event()
        self._published: tuple[str, int, Version] | None = None
        self.published_at: float | None = None
        self.bytes = 0
        self.trouble: str | None = None

    def offer(self, shard: Shard) -> None:
        """Take a snapshot of a committed state if one is due; what waits unsent is replaced."""
        version = Version(shard.epoch, shard.offset)
        if self._now() < self._due or (version == self._sent and not self._lost):
            return
        self._lost = False
        started = time.thread_time()  # not the wall's: what other processes take of the machine is no cost of ours
        sealed = sealed_snapshot(shard, self._sign)
        cost = time.thread_time() - started
        self._due = self._now() + max(self._interval, min(cost / self._share, LONGEST_WAIT))
        self._sent = version
        self._waiting = shard.use_case.name, shard.number, version, sealed
        self._wake.set()

    async def run(self) -> None:
        """Publish what is offered, for ever; an unreachable store is tried again with whatever is newest.

        A store that lost everything is noticed while nothing new is offered, and given the newest state again.
        """
        while True:
            try:
                await asyncio.wait_for(self._wake.wait(), LOOK_EVERY)
            except TimeoutError:
                await self._look()
                continue
            self._wake.clear()
            while self._waiting is not None:
                offered, self._waiting = self._waiting, None
                await self._publish(*offered)

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
        try:
            taken = await self._store.publish(use_case, shard, version, sealed)
        except Unreachable as error:
            if self.trouble is None:
                log.warning("snapshots are not published", reason=str(error))
            self.trouble = str(error)
            await asyncio.sleep(0.5)
            self._waiting = self._waiting or (use_case, shard, version, sealed)
            return
        if self.trouble is not None:
            log.info("snapshots are published again")
        self.trouble = None
        self.published_at = self._now()
        self._published = use_case, shard, version
        self.bytes = len(sealed)
        if not taken:
            log.info("a newer snapshot is there already", version=str(version))

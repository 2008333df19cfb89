"""Checkpoints: written by a forked child between two transactions, uploaded by the parent, named in the journal."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import structlog

from millrace.adapters.checkpoints.index import CheckpointIndex, Latest
from millrace.adapters.checkpoints.port import ObjectStore
from millrace.domain.errors import MillraceError, Unreachable
from millrace.learning.sealed import Header, Sign, peek
from millrace.learning.shard import Shard
from trainer.forked import Forked
from trainer.states import sealed_checkpoint, sealed_snapshot

log = structlog.get_logger()

SPACING = 4_096
"""Journal entries between two checkpoints that are kept as long as the log keeps what follows them."""
FIRST = 10.0
"""Seconds after which the first checkpoint is due, however long the interval."""


class Written(msgspec.Struct, frozen=True):
    """A checkpoint that is durable: its header and key, and the snapshot of the same state where one was asked for."""

    header: Header
    key: str
    snapshot: bytes | None


class Checkpointing:
    """Takes checkpoints when due; one at a time; a failed one is followed by the next."""

    def __init__(
        self,
        store: ObjectStore,
        index: CheckpointIndex,
        sign: Sign,
        *,
        interval: float,
        kept: int,
        horizon: Callable[[], Awaitable[int]],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._horizon = horizon
        self._store = store
        self._index = index
        self._sign = sign
        self._interval = interval
        self._kept = kept
        self._now = now
        self._due = now() + min(interval, FIRST)
        self._under_way: asyncio.Task[Written | None] | None = None
        self._newest: tuple[int, int] | None = None
        self.written_at: float | None = None
        self.bytes = 0
        self.pause = 0.0
        self.written = 0
        self.failures = 0
        self.trouble: str | None = None
        self.registered_keys: set[str] = set()

    def due(self, shard: Shard) -> bool:
        """Tell whether a checkpoint should begin now."""
        return self._under_way is None and self._now() >= self._due and (shard.epoch, shard.offset) != self._newest

    def begin(self, shard: Shard, *, with_snapshot: bool) -> None:
        """Begin a checkpoint of a committed state; blocks for the fork only."""
        started = self._now()
        written = Forked.begin(lambda folder: self._write(folder, shard, with_snapshot))
        self.pause = self._now() - started
        self._due = self._now() + self._interval
        self._under_way = asyncio.get_running_loop().create_task(self._store_it(written))

    def _write(self, folder: Path, shard: Shard, with_snapshot: bool) -> None:
        (folder / "checkpoint").write_bytes(sealed_checkpoint(shard, self._sign))
        if with_snapshot:
            (folder / "snapshot").write_bytes(sealed_snapshot(shard, self._sign))

    def finished(self) -> Written | None:
        """Return a checkpoint that has become durable since the last call."""
        if self._under_way is None or not self._under_way.done():
            return None
        task, self._under_way = self._under_way, None
        return task.result()

    async def wait(self) -> Written | None:
        """Wait for the checkpoint under way."""
        if self._under_way is not None:
            await asyncio.wait([self._under_way])
        return self.finished()

    async def now(self, shard: Shard, *, with_snapshot: bool = False) -> Written | None:
        """Take a checkpoint of a committed state and wait for it; nothing when the newest is of this very state."""
        await self.wait()
        if (shard.epoch, shard.offset) == self._newest:
            return None
        self.begin(shard, with_snapshot=with_snapshot)
        return await self.wait()

    async def _store_it(self, written: Forked) -> Written | None:
        try:
            files = await written.finish()
            sealed = files["checkpoint"]
            header = peek(sealed)
            key = self._index.key(header.epoch, header.offset)
            await self._store.put(key, sealed)
            if not await self._index.advance(_latest(header, key)):
                log.info("a newer checkpoint is there already", key=key)
            await self._index.retain(self._kept, self.registered_keys | await self._spaced(header.epoch))
        except (Unreachable, MillraceError, OSError) as error:
            self.failures += 1
            self.trouble = str(error)
            log.warning("checkpoint failed", reason=str(error))
            return None
        self.trouble = None
        self._newest = (header.epoch, header.offset)
        self.written += 1
        self.written_at = self._now()
        self.bytes = len(sealed)
        return Written(header, key, files.get("snapshot"))

    async def _spaced(self, epoch: int) -> set[str]:
        """Return the checkpoints from which every state that the log can still replay is rebuilt: one every so often."""
        first = await self._horizon()
        ours = [it for it in await self._index.newest_first() if it.epoch == epoch and it.offset >= first]
        return {it.key for it in {it.offset // SPACING: it for it in ours}.values()}


def _latest(header: Header, key: str) -> Latest:
    return Latest(
        key=key,
        state_id=header.state_id,
        epoch=header.epoch,
        offset=header.offset,
        cluster_id=header.cluster_id,
        stream_time=header.stream_time,
        digest=header.digest,
        sequences=header.sequences,
    )

"""Checkpoints: pickled in a forked child between two transactions, uploaded by the parent, named in the journal.

The child only pickles to a file and calls `os._exit`: no loop, socket or log is used in it. Where forking is not safe
(macOS) the state is pickled in line.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import structlog

from millrace.adapters.checkpoints.index import CheckpointIndex, Latest
from millrace.adapters.checkpoints.port import ObjectStore
from millrace.domain.errors import MillraceError, Unreachable
from millrace.learning.sealed import Header, Sign, peek
from millrace.learning.shard import Shard
from trainer.states import sealed_checkpoint, sealed_snapshot

log = structlog.get_logger()

CHILD_TIMEOUT = 120.0
"""Seconds after which a child that pickles is given up."""

SPACING = 4_096
"""Journal entries between two checkpoints that are kept as long as the log keeps what follows them."""
FIRST = 10.0
"""Seconds after which the first checkpoint is due, however long the interval."""


class Written(msgspec.Struct, frozen=True):
    """A checkpoint that is durable: its header and key, and the snapshot of the same state where one was asked for."""

    header: Header
    key: str
    snapshot: bytes | None


class Pickling:
    """Writes one state to files in a forked child."""

    def __init__(self, folder: Path, pid: int) -> None:
        self._folder = folder
        self._pid = pid

    @classmethod
    def begin(cls, shard: Shard, sign: Sign, *, with_snapshot: bool) -> Pickling:
        """Fork; blocks for milliseconds."""
        folder = Path(tempfile.mkdtemp(prefix="millrace-checkpoint-"))
        if sys.platform == "darwin":
            _write(folder, shard, sign, with_snapshot)
            return cls(folder, 0)
        with warnings.catch_warnings():  # other threads hold nothing that the child touches
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid == 0:
            _write_and_exit(folder, shard, sign, with_snapshot)
        return cls(folder, pid)

    async def finish(self) -> tuple[bytes, bytes | None]:
        """Wait for the child; return the sealed checkpoint and snapshot. Raises `MillraceError` when the child failed."""
        try:
            await self._wait()
            snapshot = self._folder / "snapshot"
            return (self._folder / "checkpoint").read_bytes(), snapshot.read_bytes() if snapshot.exists() else None
        finally:
            for path in self._folder.iterdir():
                path.unlink()
            self._folder.rmdir()

    async def _wait(self) -> None:
        deadline = time.monotonic() + CHILD_TIMEOUT
        while self._pid:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                self._pid = 0
                if status:
                    raise MillraceError(f"the process that pickled a checkpoint ended with status {status}")
            elif time.monotonic() > deadline:
                os.kill(self._pid, signal.SIGKILL)
                os.waitpid(self._pid, 0)
                raise MillraceError(f"pickling a checkpoint took longer than {CHILD_TIMEOUT:.0f} s")
            else:
                await asyncio.sleep(0.01)


def _write(folder: Path, shard: Shard, sign: Sign, with_snapshot: bool) -> None:
    (folder / "checkpoint").write_bytes(sealed_checkpoint(shard, sign))
    if with_snapshot:
        (folder / "snapshot").write_bytes(sealed_snapshot(shard, sign))


def _write_and_exit(folder: Path, shard: Shard, sign: Sign, with_snapshot: bool) -> None:
    """Be the child: write and end, whatever happens, without running anything the parent set up."""
    status = 1
    try:
        _write(folder, shard, sign, with_snapshot)
        status = 0
    finally:
        os._exit(status)


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
        self.failures = 0
        self.trouble: str | None = None
        self.registered_keys: set[str] = set()

    def due(self, shard: Shard) -> bool:
        """Tell whether a checkpoint should begin now."""
        return self._under_way is None and self._now() >= self._due and (shard.epoch, shard.offset) != self._newest

    def begin(self, shard: Shard, *, with_snapshot: bool) -> None:
        """Begin a checkpoint of a committed state; blocks for the fork only."""
        started = self._now()
        pickling = Pickling.begin(shard, self._sign, with_snapshot=with_snapshot)
        self.pause = self._now() - started
        self._due = self._now() + self._interval
        self._under_way = asyncio.get_running_loop().create_task(self._store_it(pickling))

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

    async def _store_it(self, pickling: Pickling) -> Written | None:
        try:
            sealed, snapshot = await pickling.finish()
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
        self.written_at = self._now()
        self.bytes = len(sealed)
        return Written(header, key, snapshot)

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

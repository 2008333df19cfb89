"""Which checkpoints of a shard there are, and which is the newest. Names are those of docs/wire.md."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

import msgspec

from millrace.adapters.checkpoints.port import ObjectStore
from millrace.domain.errors import Unreachable

_ATTEMPTS = 20
_NAME = re.compile(r"(?P<epoch>\d+)/(?P<offset>\d{20})\.checkpoint")


class Latest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the pointer of a shard says of its newest checkpoint.

    `sequences` are the last `ce_sequence` read, by `topic:partition`.
    """

    key: str
    state_id: str
    epoch: int
    offset: int
    cluster_id: str | None = None
    stream_time: str | None = None
    digest: str | None = None
    sequences: dict[str, int] = {}

    @property
    def place(self) -> tuple[int, int]:
        """Where in the shard's history it stands; greater is newer."""
        return self.epoch, self.offset


class Kept(NamedTuple):
    """A checkpoint that is kept; compares in order of history."""

    epoch: int
    offset: int
    key: str


class CheckpointIndex:
    """The checkpoints of one shard."""

    def __init__(self, store: ObjectStore, use_case: str, shard: int) -> None:
        self._store = store
        self._folder = f"{use_case}/{shard}"
        self._pointer = f"{self._folder}/latest"

    def key(self, epoch: int, offset: int) -> str:
        """Return the key of the checkpoint of the state after a journal offset."""
        return f"{self._folder}/{epoch}/{offset:020d}.checkpoint"

    async def latest(self) -> Latest | None:
        """Return what the pointer names, or `None` when there is no checkpoint yet."""
        found = await self._store.read_pointer(self._pointer)
        return None if found is None else msgspec.json.decode(found.value, type=Latest)

    async def advance(self, to: Latest) -> bool:
        """Move the pointer, forward only; tell whether it was moved. A zombie never moves it."""
        value = msgspec.json.encode(to)
        for _ in range(_ATTEMPTS):
            there = await self._store.read_pointer(self._pointer)
            if there is not None and to.place <= msgspec.json.decode(there.value, type=Latest).place:
                return False
            if await self._store.move_pointer(self._pointer, value, expected=there.etag if there else None):
                return True
        raise Unreachable(f"the pointer {self._pointer} changed {_ATTEMPTS} times while it was to be moved")

    async def newest_first(self) -> list[Kept]:
        """Return the checkpoints that are kept, the newest first."""
        start = len(self._folder) + 1
        names = ((key, _NAME.fullmatch(key[start:])) for key in await self._store.keys(self._folder))
        return sorted((Kept(int(it["epoch"]), int(it["offset"]), key) for key, it in names if it), reverse=True)

    async def retain(self, newest: int, keep: Collection[str] = ()) -> list[str]:
        """Delete all checkpoints but the newest N, those in `keep` and the one the pointer names.

        Return the keys deleted.
        """
        latest = await self.latest()
        kept = {*keep, *([latest.key] if latest else [])}
        doomed = [it.key for it in (await self.newest_first())[newest:] if it.key not in kept]
        for key in doomed:
            await self._store.delete(key)
        return doomed

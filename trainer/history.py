"""Where a shard's history goes on: recovery, rebuilding and audit are one function, `follow`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

import structlog

from millrace.adapters.bus.port import TopicPartition
from millrace.adapters.checkpoints.index import CheckpointIndex, Kept
from millrace.adapters.checkpoints.port import ObjectStore
from millrace.domain.errors import BrokenChain, Untrusted
from millrace.domain.records import Batch, CheckpointEntry, CommandEntry
from millrace.domain.usecase import AnyUseCase
from millrace.learning.sealed import Header, Verify, unseal
from millrace.learning.shard import Shard
from trainer.feed import Feed
from trainer.journal import Written
from trainer.states import open_checkpoint

log = structlog.get_logger()


async def follow(shard: Shard, line: list[Written], feed: Feed) -> AsyncIterator[Written]:
    """Replay journal entries silently, verifying each chain value and each digest met; yield each entry once replayed.

    Raises `BrokenChain` where the replay comes out differently, `HistoryLost` where records it needs are gone.
    """
    digests: dict[int, str] = {}
    digested = {it.entry.of for it in line if isinstance(it.entry, CheckpointEntry)}
    for written in line:
        entry = written.entry
        if isinstance(entry, Batch):
            ranges = {TopicPartition.parse(text): its for text, its in entry.ranges.items()}
            chain = shard.take(await feed.exactly(ranges), map(TopicPartition.parse, entry.passed)).entry.chain
        elif isinstance(entry, CheckpointEntry):
            if entry.of in digests and digests[entry.of] != entry.digest:
                raise BrokenChain(
                    f"the state after entry {entry.of} has digest {digests[entry.of]}, the journal says {entry.digest}"
                )
            chain = shard.note(entry).chain
        elif isinstance(entry, CommandEntry):
            command = {key: value for key, value in entry.command.items() if key != "refused"}
            chain = shard.obey(command, TopicPartition.parse(entry.topic), entry.offset).chain
        else:
            raise BrokenChain(f"a genesis at {written.offset} inside an epoch")
        if chain != entry.chain:
            raise BrokenChain(
                f"replaying {shard.state_id._replace(offset=written.offset)} gives chain {chain}, "
                f"the journal says {entry.chain}"
            )
        shard.committed(written.offset)
        if written.offset in digested:
            digests[written.offset] = shard.digest()
        yield written


class Found(NamedTuple):
    """A checkpoint that opened."""

    key: str
    shard: Shard


class Sealed(NamedTuple):
    """A checkpoint that holds, and that nobody has opened: what it says of itself, and its parts."""

    key: str
    header: Header
    parts: dict[str, bytes]


class Checkpoints:
    """Reads a shard's checkpoints, newest first; a torn or foreign one is skipped with its reason."""

    def __init__(
        self, use_case: AnyUseCase, shard: int, store: ObjectStore, verify: Verify, kind: type[Shard] = Shard
    ) -> None:
        self._use_case = use_case
        self.store = store
        self._kind = kind
        self._verify = verify
        self.index = CheckpointIndex(store, use_case.name, shard)
        self.skipped: list[str] = []
        """Why those were skipped that the last search met, newest first."""

    async def newest(self, fits: Callable[[Kept], bool] = lambda _kept: True) -> Found | None:
        """Return the newest checkpoint that fits and holds; raise `IncompatibleState` when other code wrote it."""
        self.skipped = []
        for kept in await self.index.newest_first():
            if fits(kept):
                found = await self._open(kept)
                if found is not None:
                    return found
        return None

    async def _open(self, kept: Kept) -> Found | None:
        sealed = await self.store.get(kept.key)
        if sealed is None:
            return None
        try:
            return Found(kept.key, open_checkpoint(self._use_case, sealed, self._verify, self._kind))
        except Untrusted as error:
            log.warning("checkpoint skipped", key=kept.key, reason=str(error))
            self.skipped.append(str(error))
            return None

    async def newest_sealed(self) -> Sealed | None:
        """Return the newest checkpoint that holds, unopened, whatever code wrote it; a torn or foreign one is skipped."""
        for kept in await self.index.newest_first():
            sealed = await self.store.get(kept.key)
            try:
                if sealed is not None:
                    return Sealed(kept.key, *unseal(sealed, self._verify))
            except Untrusted as error:
                log.warning("checkpoint skipped", key=kept.key, reason=str(error))
        return None

    async def digest_at(self, epoch: int, offset: int) -> str | None:
        """Return the digest that a checkpoint of this very state states, or `None` when there is none."""
        sealed = await self.store.get(self.index.key(epoch, offset))
        return None if sealed is None else unseal(sealed, self._verify)[0].digest

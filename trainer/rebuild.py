"""Rebuilding a past state, and auditing a whole epoch, from what is kept: checkpoints, journal, events and labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from millrace.adapters.bus.port import Bus, TopicPartition
from millrace.adapters.schemas.table import SchemaTable
from millrace.domain.errors import BrokenChain, HistoryLost
from millrace.domain.records import Batch
from millrace.domain.state_id import StateId
from millrace.domain.usecase import AnyUseCase
from millrace.learning.intake import Intake
from millrace.learning.shard import Shard
from millrace.learning.states import checkpoint_parts, restore
from trainer.feed import Feed
from trainer.history import Checkpoints, follow
from trainer.journal import Journal, Written, line_from

Progress = Callable[[int, int], None]
"""Is told how many journal entries are replayed, and of how many."""


class Rebuilt(msgspec.Struct, frozen=True):
    """What rebuilding a state found.

    `by` says what was compared: `state`, the digest of a checkpoint of that very state, or `chain`, the journal's chain
    value of the entry the state belongs to. `detail` says what differed.
    """

    state_id: str
    matches: bool
    by: Literal["chain", "state"]
    digest: str | None
    from_checkpoint: str
    entries: int
    detail: str = ""


class Rebuilding:
    """Rebuilds states of one shard; reads only."""

    def __init__(
        self,
        use_case: AnyUseCase,
        shard: int,
        bus: Bus,
        checkpoints: Checkpoints,
        progress: Progress | None = None,
        schemas: SchemaTable | None = None,
    ) -> None:
        self._use_case = use_case
        self._bus = bus
        self._checkpoints = checkpoints
        self._schemas = schemas
        self._journal = Journal(bus, use_case, shard)
        self._progress = progress or (lambda _done, _of: None)

    async def newest(self) -> StateId:
        """Return the id of the newest state the journal holds."""
        shard = await self.start(lambda _epoch, _offset: True)
        line = line_from(shard.offset, await self._journal.read(shard.offset + 1))
        return shard.state_id._replace(offset=line[-1].offset if line else shard.offset)

    async def audit(self) -> Rebuilt:
        """Rebuild the newest state from the oldest checkpoint of its epoch: the whole chain that is kept is verified."""
        newest = await self.newest()
        kept = [it for it in await self._checkpoints.index.newest_first() if it.epoch == newest.epoch]
        return await self.rebuild(newest, oldest=kept[-1].offset)

    async def rebuild(self, wanted: StateId, *, oldest: int | None = None) -> Rebuilt:
        """Rebuild a state from a checkpoint strictly before it; raise `HistoryLost` when what it takes is gone."""
        before = wanted.offset + (wanted.after is not None) if oldest is None else oldest + 1
        shard = await self.start(lambda epoch, offset: epoch == wanted.epoch and offset < before)
        start = shard.state_id
        line = line_from(shard.offset, await self._journal.read(shard.offset + 1))
        ahead = [it for it in line if it.offset <= wanted.offset]
        if (ahead[-1].offset if ahead else shard.offset) != wanted.offset:
            raise HistoryLost(
                f"{wanted} is no state of this journal: it has no entry {wanted.offset} in epoch {wanted.epoch}"
            )
        intake = Intake(self._use_case, self._schemas)
        feed = await Feed.open(self._bus, intake, shard.positions, 0.2, self._schemas)
        try:
            detail = await self._replay(shard, ahead, feed)
            if wanted.after is not None and not detail:
                rest = [it for it in line if it.offset > wanted.offset]
                shard, detail = await self._replay_some(shard, wanted.after, rest, feed)
        finally:
            await feed.close()
        digest = None if detail else shard.digest()
        stated = None if wanted.after is not None else await self._stated_digest(wanted)
        if stated is not None and digest is not None and stated != digest:
            detail = f"the state's digest is {digest}, its checkpoint's {stated}"
        by: Literal["chain", "state"] = "chain" if stated is None else "state"
        return Rebuilt(str(wanted), not detail, by, digest, str(start), len(ahead), detail)

    async def _replay(self, shard: Shard, line: list[Written], feed: Feed) -> str:
        done = 0
        try:
            async for _ in follow(shard, line, feed):
                done += 1
                self._progress(done, len(line))
        except BrokenChain as error:
            return str(error)
        return ""

    async def _replay_some(self, shard: Shard, n: int, rest: list[Written], feed: Feed) -> tuple[Shard, str]:
        """Stop inside the batch after the state; the whole batch's chain vouches for what came of its first records."""
        batch = next((it for it in rest if isinstance(it.entry, Batch)), None)
        if batch is None or not isinstance(batch.entry, Batch):
            raise HistoryLost(f"{shard.state_id} has no batch after it yet")
        notes = [it for it in rest if it.offset < batch.offset]
        detail = await self._replay(shard, notes, feed)
        taken = await feed.exactly({TopicPartition.parse(text): its for text, its in batch.entry.ranges.items()})
        twin = self._twin(shard)
        twin.take_some(taken, n)
        chain = shard.take(taken).entry.chain
        if not detail and chain != batch.entry.chain:
            detail = f"replaying entry {batch.offset} gives chain {chain}, the journal says {batch.entry.chain}"
        return twin, detail

    def _twin(self, shard: Shard) -> Shard:
        twin = Shard(self._use_case, shard.number, restore(self._use_case, checkpoint_parts(shard.learner)))
        twin.clocks, twin.positions = dict(shard.clocks), dict(shard.positions)
        return twin

    async def start(self, fits: Callable[[int, int], bool]) -> Shard:
        """Return the shard as the newest checkpoint has it whose epoch and offset fit; raise `HistoryLost` without one."""
        cluster = await self._bus.cluster_id()
        found = await self._checkpoints.newest(lambda kept: fits(kept.epoch, kept.offset))
        if found is None:
            raise HistoryLost(f"no checkpoint before that state is kept; {await self._horizon()}")
        if found.shard.cluster_id != cluster:
            raise HistoryLost(
                f"that state was learnt on log {found.shard.cluster_id}, which is gone; this is {cluster}. "
                f"{await self._horizon()}"
            )
        return found.shard

    async def _horizon(self) -> str:
        kept = await self._checkpoints.index.newest_first()
        return f"rebuildable from {kept[-1].epoch}.{kept[-1].offset} on" if kept else "nothing is rebuildable yet"

    async def _stated_digest(self, wanted: StateId) -> str | None:
        return await self._checkpoints.digest_at(wanted.epoch, wanted.offset)


async def rebuild_from_settings(text: str, audit: bool = False, progress: Progress | None = None) -> Rebuilt:
    """Rebuild a state on the log and the stores the settings name; `text` is a state id, or a use case for its newest."""
    from millrace.adapters.checkpoints.s3 import open_store
    from millrace.adapters.schemas.table import schemas_of
    from millrace.runtime.settings import Connections
    from millrace.runtime.signing import PublicKeys
    from millrace.usecases import find, is_known
    from trainer.wiring import log_of

    newest = text.endswith(".py") or is_known(text)
    wanted = None if newest else StateId.parse(text)
    connections = Connections()
    use_case = find(text if wanted is None else wanted.use_case).under(connections.topic_prefix)
    shard = 0 if wanted is None else wanted.shard
    keys = PublicKeys.load(connections.trusted_keys())
    bus, store = log_of(connections, "millrace-rebuild"), open_store(connections, connections.checkpoints_bucket)
    checkpoints, schemas = Checkpoints(use_case, shard, store, keys.verify), schemas_of(connections, use_case, store)
    try:
        rebuilding = Rebuilding(use_case, shard, bus, checkpoints, progress, schemas)
        if audit:
            return await rebuilding.audit()
        return await rebuilding.rebuild(wanted or await rebuilding.newest())
    finally:
        await bus.close()
        await store.close()

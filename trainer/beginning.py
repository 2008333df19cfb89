"""How an epoch begins: on a log that has no journal, after one that cannot go on, and from a plan that was applied."""

from __future__ import annotations

from typing import NamedTuple

import structlog

from millrace.adapters.bus.port import TopicPartition, TransactionalWriter
from millrace.domain.errors import HistoryLost, IncompatibleState, MillraceError
from millrace.domain.records import CheckpointEntry, Genesis
from millrace.domain.usecase import AnyUseCase
from millrace.learning.sealed import Header
from millrace.learning.shard import Shard
from millrace.runtime.environment import fingerprint
from millrace.usecases import hash_of
from trainer.history import Checkpoints, Found, Sealed
from trainer.journal import Journal, Written, line_from, newest_genesis
from trainer.planning import Applied, Plan, Plans, plan
from trainer.settings import TrainerSettings
from trainer.states import grafted

log = structlog.get_logger()


class Cluster(NamedTuple):
    """The log as found: its id and the partitions of the topics read."""

    id: str
    partitions: dict[str, int]
    ids: dict[str, str]


class Begun(NamedTuple):
    """A shard at the beginning of an epoch, and why one begins."""

    shard: Shard
    why: str


class Parent(NamedTuple):
    """What an epoch begins from: a state, or as much of it as a plan keeps; nothing, where nothing is kept."""

    found: Found | None
    epoch: int
    why: str = ""


class Beginning:
    """Begins epochs of one shard: says so in the journal first."""

    def __init__(
        self, settings: TrainerSettings, use_case: AnyUseCase, journal: Journal, checkpoints: Checkpoints
    ) -> None:
        self._settings = settings
        self._use_case = use_case
        self._journal = journal
        self._checkpoints = checkpoints
        self._plans = Plans(checkpoints.store, use_case.name, settings.shard)

    async def first(self, cluster: Cluster, writer: TransactionalWriter) -> Begun:
        """Begin the first epoch on a log that has no journal; on the embedded log, warm from the last checkpoint."""
        parent = await self._parent_of_first(cluster)
        if parent is None:
            return await self._write(cluster, writer, None, 1, {}, "nothing was learnt before")
        if parent.found is None:
            return await self._write(cluster, writer, None, parent.epoch + 1, {}, parent.why)
        shard = parent.found.shard
        why = f"the log of {shard.state_id} is gone (it was {shard.cluster_id}, this is {cluster.id})"
        why = f"{why}; {parent.why}" if parent.why else why
        return await self._write(cluster, writer, parent.found, parent.epoch + 1, {}, why)

    async def _parent_of_first(self, cluster: Cluster) -> Parent | None:
        newest = await self._checkpoints.newest_sealed()
        if newest is None:
            return None
        self._refuse_another_log(cluster, newest.header)
        try:
            found = await self._checkpoints.newest()
            return None if found is None else Parent(found, found.shard.epoch)
        except IncompatibleState as error:
            planned = await self._planned(newest)
            if planned is None and not self._settings.new_epoch:
                raise
            return planned or Parent(None, newest.header.epoch, f"asked for by MILLRACE_NEW_EPOCH: {error}")

    def _refuse_another_log(self, cluster: Cluster, header: Header) -> None:
        """Refuse an empty journal where a real log had one, whatever was planned: it is not the log of that state."""
        if not (self._settings.embedded_log or self._settings.new_epoch):
            raise HistoryLost(
                f"{header.state_id} belongs to log {header.cluster_id}; this is {cluster.id}, with an empty journal. "
                f"Connect to the right one, or begin a new epoch with MILLRACE_NEW_EPOCH=true"
            )

    async def _planned(self, newest: Sealed) -> Parent | None:
        """Return what a plan that was applied keeps of a state; `None` when none was."""
        if not await self._plans.is_applied(Applied.under(self._use_case, newest.header)):
            return None
        return self._grafted(newest)

    def _grafted(self, newest: Sealed) -> Parent:
        planned = plan(self._use_case, newest.header)
        epoch, why = newest.header.epoch, _why(planned)
        if planned.kept is None:
            return Parent(None, epoch, why)
        return Parent(Found(newest.key, grafted(self._use_case, newest.header, newest.parts, planned.kept)), epoch, why)

    async def after(
        self, cluster: Cluster, writer: TransactionalWriter, entries: list[Written], reason: MillraceError
    ) -> Begun:
        """Begin an epoch because the old one cannot go on: by the plan applied, or anew where that is asked for."""
        newest = await self._checkpoints.newest_sealed() if isinstance(reason, IncompatibleState) else None
        parent = await self._planned(newest) if newest is not None else None
        if parent is None and not self._settings.new_epoch:
            raise reason
        log.warning("the old history cannot go on", reason=str(reason))
        epoch = _epoch(newest_genesis(entries)) + 1
        if parent is None or parent.found is None:
            why = "asked for by MILLRACE_NEW_EPOCH" if parent is None else parent.why
            return await self._anew(cluster, writer, entries, epoch, why)
        shard = parent.found.shard
        _refuse_one_behind(cluster, shard, entries)
        positions = _without_remade(cluster, newest_genesis(entries), shard.positions)
        return await self._write(cluster, writer, parent.found, epoch, positions, parent.why)

    async def _anew(
        self, cluster: Cluster, writer: TransactionalWriter, entries: list[Written], epoch: int, why: str
    ) -> Begun:
        """Begin an epoch that learns anew from where the old one stopped."""
        genesis = newest_genesis(entries)
        line = line_from(genesis.offset, [it for it in entries if it.offset > genesis.offset])
        assert isinstance(genesis.entry, Genesis)
        positions = {TopicPartition.parse(text): offset for text, offset in genesis.entry.positions.items()}
        for it in line:
            for text, (_, end) in getattr(it.entry, "ranges", {}).items():
                positions[TopicPartition.parse(text)] = end
        why = f"{why}, after entry {line[-1].offset if line else genesis.offset}"
        return await self._write(cluster, writer, None, epoch, _without_remade(cluster, genesis, positions), why)

    async def again(self, cluster: Cluster, entries: list[Written], genesis: Written | None) -> Begun:
        """Go on from a genesis whose checkpoint zero was never written: nothing was learnt yet."""
        if genesis is None or len(line_from(genesis.offset, [it for it in entries if it.offset > genesis.offset])) > 0:
            raise HistoryLost(
                f"no checkpoint of {self._use_case.name} fits the journal of this log ({cluster.id}); {self._skipped()}"
                f"begin a new epoch with MILLRACE_NEW_EPOCH=true"
            )
        assert isinstance(genesis.entry, Genesis)
        self._refuse_another(genesis.entry)
        parent = await self._parent(genesis.entry.parent)
        return Begun(self._at_genesis(cluster, parent, genesis.entry, genesis.offset), genesis.entry.why)

    def _skipped(self) -> str:
        """Return why checkpoints that are there cannot be used, and what would let them be; nothing when none was skipped."""
        skipped = self._checkpoints.skipped
        if not skipped:
            return ""
        return (
            f"{len(skipped)} were skipped, the newest because {skipped[0]}: if another home's trainer signed them, "
            "bring its folder keys/ here, or name its trainer.pub in MILLRACE_PUBLIC_KEYS; or else "
        )

    def _refuse_another(self, genesis: Genesis) -> None:
        """Refuse an epoch that another use case or environment began: this one's would be another."""
        if (genesis.use_case_hash, genesis.environment) != (hash_of(self._use_case), fingerprint()):
            raise IncompatibleState(
                f"epoch {genesis.epoch} of {self._use_case.name} was begun by another use case or environment, and nothing was "
                f"learnt in it. Bring back what began it, or begin another with MILLRACE_NEW_EPOCH=true"
            )

    async def _parent(self, state_id: str | None) -> Shard | None:
        """Return the shard that a genesis began from; it tells nobody, but its own use case wrote it."""
        if state_id is None:
            return None
        newest = await self._checkpoints.newest_sealed()
        if newest is None or newest.header.state_id != state_id:
            raise HistoryLost(
                f"{state_id}, which this epoch began from, is gone; MILLRACE_NEW_EPOCH=true begins another"
            )
        try:
            found = await self._checkpoints.newest()
        except IncompatibleState:
            found = self._grafted(newest).found
        return found.shard if found else None

    async def _write(
        self,
        cluster: Cluster,
        writer: TransactionalWriter,
        parent: Found | None,
        epoch: int,
        positions: dict[TopicPartition, int],
        why: str,
    ) -> Begun:
        entry = Genesis(
            epoch=epoch,
            chain=f"{self._use_case.name}.{self._settings.shard}.{epoch}@{cluster.id}",
            cluster_id=cluster.id,
            topics=cluster.ids,
            partitions=cluster.partitions,
            use_case_hash=hash_of(self._use_case),
            environment=fingerprint(),
            seed=self._use_case.seed,
            why=why,
            parent=str(parent.shard.state_id) if parent else None,
            checkpoint=parent.key if parent else None,
            positions={str(where): offset for where, offset in positions.items()},
        )
        offset = await writer.commit([], self._journal.message(entry))
        shard = self._at_genesis(cluster, parent.shard if parent else None, entry, offset)
        log.warning("a new epoch begins", epoch=epoch, why=why, warm_from=entry.parent)
        return Begun(shard, why)

    def _at_genesis(self, cluster: Cluster, parent: Shard | None, entry: Genesis, offset: int) -> Shard:
        shard = parent or Shard(self._use_case, self._settings.shard)
        shard.epoch, shard.chain, shard.cluster_id = entry.epoch, entry.chain, cluster.id
        shard.positions = {TopicPartition.parse(text): at for text, at in entry.positions.items()}
        shard.committed(offset)
        return shard


def _why(planned: Plan) -> str:
    parts = [f"{it.part}: {it.verdict}" for it in planned.parts if it.verdict != "keep"]
    return f"the plan for {planned.state_id} was applied ({'; '.join(parts) or 'all parts are kept'})"


def _epoch(genesis: Written) -> int:
    assert isinstance(genesis.entry, Genesis)
    return genesis.entry.epoch


def _refuse_one_behind(cluster: Cluster, shard: Shard, entries: list[Written]) -> None:
    """Refuse a state that is not the journal's newest: what came after it would be in no model."""
    line = line_from(shard.offset, [it for it in entries if it.offset > shard.offset])
    behind = [it for it in line if not isinstance(it.entry, CheckpointEntry)]
    if behind or shard.cluster_id != cluster.id:
        what = f"{len(behind)} journal entries came after it" if behind else f"its log was {shard.cluster_id}"
        raise IncompatibleState(
            f"the plan for {shard.state_id} is applied, but {what}: that would be in no model. Start what wrote it once more and "
            f"stop it in order, so that it leaves a checkpoint at the end; or begin anew with MILLRACE_NEW_EPOCH=true"
        )


def _without_remade(
    cluster: Cluster, genesis: Written, positions: dict[TopicPartition, int]
) -> dict[TopicPartition, int]:
    """Return positions but those in topics that were made anew: they mean other records."""
    assert isinstance(genesis.entry, Genesis)
    remade = {topic for topic, it in genesis.entry.topics.items() if it and cluster.ids.get(topic) not in ("", it)}
    return {where: at for where, at in positions.items() if where.topic not in remade}

"""How a trainer takes up its shard: recovers its history, or begins an epoch."""

from __future__ import annotations

from typing import NamedTuple

import structlog

from millrace.adapters.bus.port import Bus, TopicPartition, TransactionalWriter
from millrace.adapters.schemas.table import SchemaTable
from millrace.domain.errors import BrokenChain, HistoryLost, IncompatibleState, NotReady
from millrace.domain.records import Genesis
from millrace.domain.sources import Topics
from millrace.domain.usecase import AnyUseCase
from millrace.learning.intake import Intake
from millrace.learning.shard import Shard
from trainer.beginning import Beginning, Begun, Cluster
from trainer.feed import Feed
from trainer.history import Checkpoints, follow
from trainer.journal import Journal, Written, line_from, newest_genesis
from trainer.settings import TrainerSettings

log = structlog.get_logger()

WRITTEN_TOPICS = ("journal", "predictions", "scorecards", "alarms", "dead-letters", "commands")
READ_KINDS = ("events", "labels")


def own_topics(use_case: AnyUseCase) -> list[str]:
    """Return the topics that a use case's trainer reads and writes, without those that somebody else makes."""
    return [use_case.topic(kind) for kind in (*READ_KINDS, *WRITTEN_TOPICS) if use_case.is_ours(kind)]


class Opened(NamedTuple):
    """A shard ready to go on: its state, its input, and whether a checkpoint of it is still to be written first."""

    shard: Shard
    feed: Feed
    writer: TransactionalWriter
    needs_checkpoint: bool
    said: str


class Opening:
    """Takes up one shard on one log."""

    def __init__(
        self,
        settings: TrainerSettings,
        use_case: AnyUseCase,
        bus: Bus,
        checkpoints: Checkpoints,
        schemas: SchemaTable | None = None,
    ) -> None:
        self._settings = settings
        self._use_case = use_case
        self._bus = bus
        self._checkpoints = checkpoints
        self._schemas = schemas
        self._journal = Journal(bus, use_case, settings.shard)
        self._beginning = Beginning(settings, use_case, self._journal, checkpoints)

    async def open(self) -> Opened:
        """Fence whoever was there before, then recover to the journal's end, or begin an epoch."""
        cluster = await self._cluster()
        writer = await self._bus.transactional_writer(self._use_case.member(self._settings.shard))
        first, end = await self._journal.kept()
        if end == 0:
            return await self._begun(cluster, writer, await self._beginning.first(cluster, writer))
        entries = await self._journal.read(first)
        try:
            return await self._recover(cluster, writer, entries)
        except (BrokenChain, HistoryLost, IncompatibleState) as error:
            return await self._begun(cluster, writer, await self._beginning.after(cluster, writer, entries, error))

    async def _begun(self, cluster: Cluster, writer: TransactionalWriter, begun: Begun) -> Opened:
        said = f"epoch {begun.shard.epoch} begins: {begun.why}"
        return Opened(begun.shard, await self._feed(cluster, begun.shard), writer, True, said)

    async def _cluster(self) -> Cluster:
        use_case = self._use_case
        partitions = await self._bus.ensure_topics(dict.fromkeys(own_topics(use_case), 1))
        partitions |= await self._theirs()
        read = {topic: partitions[topic] for topic in map(use_case.topic, READ_KINDS)}
        return Cluster(await self._bus.cluster_id(), read, await self._bus.topic_ids(list(read)))

    async def _theirs(self) -> dict[str, int]:
        """Return the partitions of topics that somebody else writes: they are read, never made."""
        source = self._use_case.source
        topics = [it for it in (source.events, source.labels) if it] if isinstance(source, Topics) else []
        found = await self._bus.partitions([it.name for it in topics]) if topics else {}
        for it in topics:
            if not found[it.name]:
                raise NotReady(
                    f"there is no topic {it.name!r}, which {self._use_case.name} reads; Millrace does not make it"
                )
            if it.partitions not in (None, found[it.name]):
                raise IncompatibleState(
                    f"{it.name} has {found[it.name]} partitions; the use case says partitions={it.partitions}"
                )
        return found

    async def _recover(self, cluster: Cluster, writer: TransactionalWriter, entries: list[Written]) -> Opened:
        genesis = newest_genesis(entries) if any(isinstance(it.entry, Genesis) for it in entries) else None
        offsets = {it.offset for it in entries if genesis is None or it.offset >= genesis.offset}
        found = await self._checkpoints.newest(lambda kept: kept.offset in offsets)
        if found is None or found.shard.cluster_id != cluster.id:
            return await self._begun(cluster, writer, await self._beginning.again(cluster, entries, genesis))
        self._refuse_other_partitions(cluster, found.shard)
        self._refuse_other_topics(cluster, genesis)
        shard, start = found.shard, found.shard.state_id
        feed = await self._feed(cluster, shard)
        line = line_from(shard.offset, [it for it in entries if it.offset > shard.offset])
        log.info("recovering", from_state=str(start), entries=len(line))
        async for _ in follow(shard, line, feed):
            pass
        return Opened(
            shard,
            feed,
            writer,
            False,
            f"goes on in epoch {shard.epoch} at {shard.state_id}: checkpoint {start}, then {len(line)} journal entries",
        )

    async def _feed(self, cluster: Cluster, shard: Shard) -> Feed:
        where = [
            TopicPartition(topic, number)
            for topic, count in sorted(cluster.partitions.items())
            for number in range(count)
        ]
        first = await self._bus.beginning(where)
        for each in where:
            shard.positions.setdefault(each, first[each])
            if first[each] > shard.positions[each]:
                raise HistoryLost(
                    f"records {shard.positions[each]} to {first[each] - 1} of {each} are gone before they were learnt"
                )
        positions = {each: shard.positions[each] for each in where}
        intake = Intake(self._use_case, self._schemas)
        return await Feed.open(self._bus, intake, positions, self._settings.idle_timeout, self._schemas)

    @staticmethod
    def _refuse_other_topics(cluster: Cluster, genesis: Written | None) -> None:
        began = genesis.entry.topics if genesis is not None and isinstance(genesis.entry, Genesis) else {}
        for topic, here in cluster.ids.items():
            there = began.get(topic)
            if here and there and here != there:
                raise HistoryLost(
                    f"{topic} was made anew (it was {there}, it is {here}): its offsets mean other records now; "
                    f"begin a new epoch with MILLRACE_NEW_EPOCH=true"
                )

    @staticmethod
    def _refuse_other_partitions(cluster: Cluster, shard: Shard) -> None:
        for topic, count in cluster.partitions.items():
            before = sum(where.topic == topic for where in shard.positions)
            if before and before != count:
                raise IncompatibleState(
                    f"{topic} has {count} partitions, {shard.state_id} was learnt with {before}: keys lie elsewhere now; "
                    f"begin a new epoch with MILLRACE_NEW_EPOCH=true"
                )

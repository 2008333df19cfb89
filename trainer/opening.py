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
from millrace.runtime.environment import fingerprint
from millrace.usecases import hash_of
from trainer.feed import Feed
from trainer.history import Checkpoints, Found, follow
from trainer.journal import Journal, Written, line_from, newest_genesis
from trainer.settings import TrainerSettings

log = structlog.get_logger()

WRITTEN_TOPICS = ("journal", "predictions", "scorecards", "alarms", "dead-letters", "commands")


class Cluster(NamedTuple):
    """The log as found: its id and the partitions of the topics read."""

    id: str
    partitions: dict[str, int]
    ids: dict[str, str]


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

    async def open(self) -> Opened:
        """Fence whoever was there before, then recover to the journal's end, or begin an epoch."""
        use_case, number = self._use_case, self._settings.shard
        cluster = await self._cluster()
        writer = await self._bus.transactional_writer(use_case.member(number))
        first, end = await self._journal.kept()
        if end == 0:
            return await self._begin(cluster, writer)
        entries = await self._journal.read(first)
        genesis = newest_genesis(entries) if any(isinstance(it.entry, Genesis) for it in entries) else None
        try:
            return await self._recover(cluster, writer, entries, genesis)
        except (BrokenChain, HistoryLost, IncompatibleState) as error:
            if not self._settings.new_epoch:
                raise
            log.warning("the old history cannot go on", reason=str(error))
            return await self._begin_anew(cluster, writer, entries)

    async def _cluster(self) -> Cluster:
        use_case = self._use_case
        read_kinds = ("events", "labels")
        ours = [use_case.topic(kind) for kind in (*read_kinds, *WRITTEN_TOPICS) if use_case.is_ours(kind)]
        partitions = await self._bus.ensure_topics(dict.fromkeys(ours, 1))
        partitions |= await self._theirs()
        read = {topic: partitions[topic] for topic in map(use_case.topic, read_kinds)}
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

    async def _recover(
        self, cluster: Cluster, writer: TransactionalWriter, entries: list[Written], genesis: Written | None
    ) -> Opened:
        offsets = {it.offset for it in entries}
        found = await self._checkpoints.newest(lambda kept: kept.offset in offsets)
        if found is None or found.shard.cluster_id != cluster.id:
            return await self._from_genesis(cluster, writer, entries, genesis)
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

    async def _from_genesis(
        self, cluster: Cluster, writer: TransactionalWriter, entries: list[Written], genesis: Written | None
    ) -> Opened:
        """Go on from a genesis whose checkpoint zero was never written: nothing was learnt yet."""
        if genesis is None or len(line_from(genesis.offset, [it for it in entries if it.offset > genesis.offset])) > 0:
            raise HistoryLost(
                f"no checkpoint of {self._use_case.name} fits the journal of this log ({cluster.id}); "
                f"begin a new epoch with MILLRACE_NEW_EPOCH=true"
            )
        assert isinstance(genesis.entry, Genesis)
        parent = await self._parent(genesis.entry.parent)
        shard = self._at_genesis(cluster, parent, genesis.entry, genesis.offset)
        return Opened(
            shard,
            await self._feed(cluster, shard),
            writer,
            True,
            f"epoch {shard.epoch} begins: {genesis.entry.why}",
        )

    async def _parent(self, state_id: str | None) -> Shard | None:
        if state_id is None:
            return None
        found = await self._checkpoints.newest(lambda kept: state_id.endswith(f".{kept.epoch}.{kept.offset}"))
        return found.shard if found else None

    async def _begin(self, cluster: Cluster, writer: TransactionalWriter) -> Opened:
        """Begin the first epoch on a log that has no journal; on the embedded log, warm from the last checkpoint."""
        parent = await self._checkpoints.newest()
        if parent is None:
            return await self._write_genesis(cluster, writer, None, 1, {}, "nothing was learnt before")
        if not (self._settings.embedded_log or self._settings.new_epoch):
            raise HistoryLost(
                f"{parent.shard.state_id} belongs to log {parent.shard.cluster_id}; this is {cluster.id}, with an empty journal. "
                f"Connect to the right one, or begin a new epoch with MILLRACE_NEW_EPOCH=true"
            )
        why = f"the log of {parent.shard.state_id} is gone (it was {parent.shard.cluster_id}, this is {cluster.id})"
        return await self._write_genesis(cluster, writer, parent, parent.shard.epoch + 1, {}, why)

    async def _begin_anew(self, cluster: Cluster, writer: TransactionalWriter, entries: list[Written]) -> Opened:
        """Begin an epoch that learns anew from where the old one stopped, because it cannot be continued."""
        genesis = newest_genesis(entries)
        line = line_from(genesis.offset, [it for it in entries if it.offset > genesis.offset])
        assert isinstance(genesis.entry, Genesis)
        positions = {TopicPartition.parse(text): offset for text, offset in genesis.entry.positions.items()}
        for it in line:
            for text, (_, end) in getattr(it.entry, "ranges", {}).items():
                positions[TopicPartition.parse(text)] = end
        remade = {topic for topic, it in genesis.entry.topics.items() if it and cluster.ids.get(topic) not in ("", it)}
        positions = {where: at for where, at in positions.items() if where.topic not in remade}
        why = f"asked for by MILLRACE_NEW_EPOCH, after entry {line[-1].offset if line else genesis.offset}"
        return await self._write_genesis(cluster, writer, None, genesis.entry.epoch + 1, positions, why)

    async def _write_genesis(
        self,
        cluster: Cluster,
        writer: TransactionalWriter,
        parent: Found | None,
        epoch: int,
        positions: dict[TopicPartition, int],
        why: str,
    ) -> Opened:
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
        return Opened(shard, await self._feed(cluster, shard), writer, True, f"epoch {epoch} begins: {why}")

    def _at_genesis(self, cluster: Cluster, parent: Shard | None, entry: Genesis, offset: int) -> Shard:
        shard = parent or Shard(self._use_case, self._settings.shard)
        shard.epoch, shard.chain, shard.cluster_id = entry.epoch, entry.chain, cluster.id
        shard.positions = {TopicPartition.parse(text): at for text, at in entry.positions.items()}
        shard.committed(offset)
        return shard

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

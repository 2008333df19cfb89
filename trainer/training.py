"""The training loop: take what comes next by time, learn, commit, and only then let anything out."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

import msgspec
import structlog

from millrace.adapters.bus.port import Bus, Message, Reader, TopicPartition
from millrace.domain.errors import CommitFailed, MillraceError
from millrace.domain.log import Record
from millrace.domain.records import CheckpointEntry, Entry
from trainer.checkpointing import Checkpointing, Written
from trainer.feed import Taken
from trainer.journal import Journal
from trainer.opening import Opened
from trainer.registration import Registrations
from trainer.settings import TrainerSettings
from trainer.snapshots import Snapshots

log = structlog.get_logger()

READ_TIMEOUT = 0.05
RETRY_AFTER = 0.2
"""Seconds between two tries to commit the same transaction."""
START_BATCH = 500
NOTE_EVERY = 0.25
"""Seconds between two notes of the positions under the consumer group."""


class Progress(msgspec.Struct):
    """What the loop has done, for metrics and health. `timings`: seconds of learning and of committing, by batch."""

    batches: int = 0
    records: int = 0
    predictions: int = 0
    learnt: int = 0
    dead_letters: dict[str, int] = msgspec.field(default_factory=dict)
    timings: deque[tuple[float, float]] = msgspec.field(default_factory=lambda: deque(maxlen=10_000))
    retrying_since: float | None = None
    trouble: str | None = None


class Outlets(NamedTuple):
    """Where committed states go."""

    checkpoints: Checkpointing
    snapshots: Snapshots
    registrations: Registrations


class Training:
    """One shard being learnt by its owner."""

    def __init__(self, settings: TrainerSettings, bus: Bus, opened: Opened, outlets: Outlets, commands: Reader) -> None:
        self._settings = settings
        self._bus = bus
        self.shard = opened.shard
        self.feed = opened.feed
        self._writer = opened.writer
        self._outlets = outlets
        self._commands = commands
        self._journal = Journal(bus, opened.shard.use_case, opened.shard.number)
        self._needs_checkpoint = opened.needs_checkpoint
        self._most = START_BATCH
        self._committed = dict(opened.shard.positions)
        self._checkpointed = 0
        self._beat: Callable[[], None] = lambda: None
        self.progress = Progress()
        self.stopping = False

    def background(self) -> list[Coroutine[Any, Any, None]]:
        """Return what must run beside the loop: what was committed goes out without holding it up."""
        return [self._outlets.snapshots.run(), self._outlets.registrations.run(), self._note_positions()]

    async def _note_positions(self) -> None:
        """Tell lag tools and producers, for ever, how far what was committed reaches."""
        group, noted = self.shard.use_case.member(self.shard.number), self._committed
        while True:
            await asyncio.sleep(NOTE_EVERY)
            if self._committed is not noted:
                noted = self._committed
                try:
                    await self._bus.note_positions(group, noted)
                except MillraceError as error:
                    log.info("positions not noted", reason=str(error))

    async def prepare(self) -> None:
        """Make the first state of an epoch durable, before anything is learnt from it."""
        if self._needs_checkpoint:
            await self._checkpoint_zero()
            self._needs_checkpoint = False

    async def run(self, beat: Callable[[], None] = lambda: None) -> None:
        """Learn until told to stop; then leave a checkpoint of the last committed state. Beats once a round."""
        self._beat = beat
        await self.prepare()
        while not self.stopping:
            await self.turn()
            beat()
        await self._outlets.checkpoints.now(self.shard)

    @property
    def trouble(self) -> str | None:
        """Why it does not go on at the moment."""
        return self.progress.trouble or self.feed.trouble

    async def turn(self) -> None:
        """Do one round: read, learn a batch and commit it, let out what is due."""
        await self.feed.fill(READ_TIMEOUT if not self.feed.waiting() else 0.0)
        await self.feed.catch_up(2 * self._most, READ_TIMEOUT)
        await self._obey()
        taken, passed = self.feed.next(self.shard.clocks, self._most)
        if taken:
            await self._learn(taken, passed)
        elif self.feed.waiting():
            await self.feed.fill(READ_TIMEOUT)
        await self._let_out()

    async def _checkpoint_zero(self) -> None:
        while not self.stopping and (written := await self._outlets.checkpoints.now(self.shard)) is None:
            self.progress.trouble = f"waiting for the object store: {self._outlets.checkpoints.trouble}"
            self._beat()
            await asyncio.sleep(RETRY_AFTER * 5)
        self.progress.trouble = None
        if not self.stopping and written is not None:
            await self._note_checkpoint(written)

    async def _learn(self, taken: Taken, passed: list[TopicPartition]) -> None:
        started = looked = time.perf_counter()
        before = self.shard.learner.counters.get("learnt", 0)
        for _ in (taking := self.shard.taking(taken, passed)):
            if time.perf_counter() - looked > self._settings.slice_seconds:
                await asyncio.sleep(0)
                self._beat()
                looked = time.perf_counter()
        step = taking.step
        learnt = time.perf_counter()
        await self._commit(step.outputs, step.entry)
        progress, records = self.progress, sum(map(len, taken.values()))
        progress.batches += 1
        progress.records += records
        progress.learnt += self.shard.learner.counters.get("learnt", 0) - before
        progress.timings.append((learnt - started, time.perf_counter() - learnt))
        self._count(step.outputs)
        for one in step.suspended:
            log.error(
                "candidate suspended",
                candidate=one.candidate,
                reason=one.reason,
                state_id=str(self.shard.state_id),
            )
        self._pace(records, learnt - started)

    def _count(self, outputs: list[Message]) -> None:
        for message in outputs:
            if message.topic.endswith(".predictions"):
                self.progress.predictions += 1
            elif message.topic.endswith(".dead-letters"):
                reason: str = msgspec.json.decode(message.value or b"{}")["reason"]
                self.progress.dead_letters[reason] = self.progress.dead_letters.get(reason, 0) + 1

    def _pace(self, records: int, seconds: float) -> None:
        """Fit batches to the time that learning one should take."""
        if records >= 50:
            fitting = int(records * self._settings.batch_seconds / max(seconds, 1e-6))
            self._most = max(50, min(self._settings.batch_records, (self._most + fitting) // 2))

    async def _commit(self, outputs: list[Message], entry: Entry) -> None:
        """Commit, again and again while that is safe; nothing new is learnt meanwhile."""
        message = self._journal.message(entry)
        while True:
            try:
                self.shard.committed(await self._writer.commit(outputs, message))
            except CommitFailed as error:
                if not error.retriable:
                    raise
                self._note_retry(error)
                await self._refuse_another_log()
                self._beat()
                await asyncio.sleep(RETRY_AFTER)
            else:
                self.progress.retrying_since = self.progress.trouble = None
                self._committed = dict(self.shard.positions)
                return

    async def _refuse_another_log(self) -> None:
        """Give a transaction up when the log it belongs to is gone: another one answers in its place."""
        try:
            here = await self._bus.cluster_id()
        except MillraceError:
            return
        if here != self.shard.cluster_id:
            raise CommitFailed(f"the log {self.shard.cluster_id} is gone, {here} is in its place", retriable=False)

    def _note_retry(self, error: CommitFailed) -> None:
        if self.progress.retrying_since is None:
            self.progress.retrying_since = time.time()
            log.warning("commit failed; the same transaction is sent again", reason=str(error))
        self.progress.trouble = f"not committed: {error}"

    async def _obey(self) -> None:
        for records in (await self._commands.read(timeout=0.0)).values():
            for record in records:
                await self._obey_one(record)

    async def _obey_one(self, record: Record) -> None:
        where = TopicPartition(record.topic, record.partition)
        try:
            command = msgspec.json.decode(record.value or b"", type=dict[str, str])
        except msgspec.MsgspecError as error:
            command = {"command": "", "unreadable": str(error)}
        entry = self.shard.obey(command, where, record.offset)
        await self._commit([], entry)
        log.info("command", **entry.command)
        self._outlets.registrations.hurry()

    async def _let_out(self) -> None:
        checkpoints, snapshots, registrations = self._outlets
        snapshots.offer(self.shard)
        written = checkpoints.finished()
        if written is not None:
            await self._note_checkpoint(written)
        checkpoints.registered_keys = registrations.checkpoint_keys
        if checkpoints.due(self.shard) and (self.progress.batches > self._checkpointed or checkpoints.trouble):
            self._checkpointed = self.progress.batches
            checkpoints.begin(self.shard, with_snapshot=registrations.due())

    async def _note_checkpoint(self, written: Written) -> None:
        header = written.header
        entry = CheckpointEntry(
            epoch=0, previous=0, chain="", of=header.offset, key=written.key, digest=header.digest or ""
        )
        await self._commit([], self.shard.note(entry))
        self._outlets.registrations.offer(written, self.shard.learner.contest.standings())
        log.info("checkpoint", key=written.key, bytes=self._outlets.checkpoints.bytes, digest=header.digest)

    def inputs(self) -> dict[TopicPartition, int]:
        """Return the positions in events and labels."""
        commands = self.shard.use_case.topic("commands")
        return {where: at for where, at in self.shard.positions.items() if where.topic != commands}

    async def close(self) -> None:
        """Let go of the log."""
        await self.feed.close()
        await self._commands.close()
        await self._writer.close()

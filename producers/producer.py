"""The producer: one replay after another, for as long as the process lives.

Whatever happens to the log (gone, back, back as another cluster), the replay is taken up anew from what the log itself
says it has. Nothing is remembered on this side.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import structlog

from millrace.adapters.bus.port import Bus, TopicPartition, Writer
from millrace.adapters.checkpoints.index import CheckpointIndex
from millrace.domain.errors import CommitFailed, HistoryLost, NotReady, SettingsError, Unreachable
from millrace.domain.times import Micros, rfc3339
from producers.drifting import Drifting
from producers.pace import Clock, Pace
from producers.replay import Replay, places
from producers.resume import Marks, Resumption
from producers.room import Room
from producers.settings import ProducerSettings
from producers.simulation import Simulation
from producers.stream import Stream

log = structlog.get_logger()

_PASSING = (Unreachable, NotReady, CommitFailed, SettingsError, HistoryLost)
"""What goes away by itself (a log or a store that is not there, an address nobody knows yet), or by an operator's hand."""
_CHECK = 1.0
"""Seconds between two looks at the log's id."""
_BACK_OFF = (0.2, 5.0)
"""Seconds before trying again: at first, and at most."""


class Report(Protocol):
    """Who is told how the producer stands."""

    def replaying(self, what: str) -> None:
        """It replays, or has replayed all."""

    def waiting(self, why: str) -> None:
        """It cannot go on yet."""

    def beat(self) -> None:
        """It is not stuck."""

    def sent(self, topic: str, facts: int, stream_time: Micros) -> None:
        """Facts were kept by the log."""

    def held_back(self, seconds: float) -> None:
        """It waited for the trainer."""


class Producer:
    """Replays one recording, or plays one simulation, onto one use case's topics."""

    def __init__(
        self,
        stream: Stream,
        settings: ProducerSettings,
        connect: Callable[[], Bus],
        checkpoints: CheckpointIndex,
        clock: Clock,
        report: Report,
    ) -> None:
        self._stream = stream
        self._settings = settings
        self._connect = connect
        self._checkpoints = checkpoints
        self._clock = clock
        self._report = report
        self._back_off = _BACK_OFF[0]

    async def run(self) -> None:
        """Replay until cancelled."""
        while True:
            try:
                await self._once()
            except _PASSING as error:
                self._report.waiting(str(error))
                log.warning("replay interrupted", why=str(error), again_in_seconds=self._back_off)
            self._report.beat()
            await self._clock.sleep(self._back_off)
            self._back_off = min(2 * self._back_off, _BACK_OFF[1])

    async def _once(self) -> None:
        """Connect and replay for as long as this log lasts."""
        bus = self._connect()
        try:
            cluster = await bus.cluster_id()
            partitions = await bus.ensure_topics(dict.fromkeys(self._stream.topics, self._settings.partitions))
            where = list(places(partitions))
            resumption = Resumption(bus, self._stream.source, self._checkpoints)
            marks = await resumption.marks(where, self._clock, self._wait)
            writer = await bus.writer()
            try:
                # The writer keeps to the log it was opened on. Were that another than the one that was asked what it
                # has, the first thing it got would be the middle of the recording.
                await self._refuse_another(bus, cluster)
                drifting = await self._drifting(bus, writer)
                replay = self._replay(partitions, marks, writer, self._room(bus, where))
                try:
                    await self._follow(bus, cluster, replay, drifting)
                finally:
                    if drifting:
                        await drifting.close()
            finally:
                await writer.close()
        finally:
            await bus.close()

    def _replay(self, partitions: Mapping[str, int], marks: Marks, writer: Writer, room: Room | None) -> Replay:
        pace = Pace(self._speed(), self._clock)
        limit = None if isinstance(self._stream, Simulation) else self._settings.limit
        return Replay(self._stream, partitions, marks, writer, pace, room=room, limit=limit)

    def _speed(self) -> float:
        """Return seconds of the stream a second: as told, or as makes so many events a second of a simulated stream."""
        rate = self._settings.events_per_second
        if rate is None or not isinstance(self._stream, Simulation):
            return self._settings.speed
        return self._stream.speed_for(rate)

    async def _drifting(self, bus: Bus, writer: Writer) -> Drifting | None:
        """Take up what the log remembers of a simulation's drifts, before any of it is played."""
        if not isinstance(self._stream, Simulation):
            return None
        return await Drifting.taken_up(bus, writer, self._stream)

    async def _follow(self, bus: Bus, cluster: str, replay: Replay, drifting: Drifting | None) -> None:
        """Send what is due, turn by turn; raises `Unreachable` when the log is another one."""
        log.info("replay begins", log=cluster, fact=replay.began_at, at=_time(replay))
        said, checked = False, self._clock.now()
        while True:
            pause = await self._turn(replay)
            if replay.over and not said:
                self._say_over(replay)
                said = True
            await self._clock.sleep(pause)
            if self._clock.now() - checked >= _CHECK:
                checked = self._clock.now()
                await self._refuse_another(bus, cluster)
                if drifting:
                    await drifting.look()

    def _room(self, bus: Bus, where: list[TopicPartition]) -> Room | None:
        """Return what the embedded log may hold; a log on disks keeps by time and takes everything."""
        if not self._settings.embedded_log:
            return None
        return Room(bus, self._stream.use_case.member(self._settings.shard), where)

    async def _turn(self, replay: Replay) -> float:
        before, held = dict(replay.sent), replay.held_back
        pause = await replay.turn()
        for topic, facts in replay.sent.items():
            if facts > before[topic] and replay.at is not None:
                self._report.sent(topic, facts - before[topic], replay.at)
                self._back_off = _BACK_OFF[0]
        self._report.held_back(replay.held_back - held)
        self._report.beat()
        if not replay.over:
            self._report.replaying(f"replaying, at {_time(replay)}")
        return pause

    def _say_over(self, replay: Replay) -> None:
        what = "simulation" if isinstance(self._stream, Simulation) else "recording"
        self._report.replaying(f"the {what} is over, at {_time(replay)}; all of it is in the log")
        log.info("replay over", facts=sum(replay.sent.values()), at=_time(replay))

    async def _refuse_another(self, bus: Bus, cluster: str) -> None:
        now = await bus.cluster_id()
        if now != cluster:
            raise Unreachable(f"the log was {cluster} and is {now} now: the replay is taken up anew")

    def _wait(self, why: str) -> None:
        self._report.waiting(why)
        self._report.beat()


def _time(replay: Replay) -> str:
    return "the beginning" if replay.at is None else rfc3339(replay.at)

"""Drift on demand: the topic `<use-case>.simulation` has who asked for what, and what the producer made of it.

Somebody writes a wish (`{"scenario": "…", "on": true}`). The producer decides from which event on it holds, and writes that
down before it makes that event: played again after a restart, the simulation takes the same turn at the same event.
"""

from __future__ import annotations

import msgspec
import structlog

from millrace.adapters.bus.port import Bus, Message, Reader, Record, TopicPartition, Writer
from millrace.domain.errors import Unreachable
from millrace.domain.simulation import Drifts
from producers.simulation import Simulation

log = structlog.get_logger()

_PATIENCE = 5.0
"""Seconds to wait for records that the log says are there."""
_GLANCE = 0.001
"""Seconds to wait for a wish that may not have come."""


class Turn(msgspec.Struct, frozen=True, omit_defaults=True):
    """A wish, or, with `at` and `wish` (the offset of the wish), what was decided."""

    scenario: str
    on: bool = True
    at: int | None = None
    wish: int | None = None


class Drifting:
    """Reads wishes and writes decisions."""

    def __init__(self, reader: Reader, writer: Writer, simulation: Simulation, where: TopicPartition) -> None:
        self._reader = reader
        self._writer = writer
        self._simulation = simulation
        self._where = where
        self._open: dict[int, Turn] = {}
        self._decode = msgspec.json.Decoder(Turn).decode

    @classmethod
    async def taken_up(cls, bus: Bus, writer: Writer, simulation: Simulation) -> Drifting:
        """Read everything the log remembers, so that the simulation takes the turns it took before.

        Raises `Unreachable` when what the log says is there does not come.
        """
        topic = simulation.use_case.topic("simulation")
        await bus.ensure_topics({topic: 1})
        where = TopicPartition(topic, 0)
        first, end = (await bus.beginning([where]))[where], (await bus.end([where]))[where]
        simulation.drifts = Drifts()
        made = cls(await bus.reader({where: first}), writer, simulation, where)
        while made._reader.position(where) < end:
            if not await made._read(_PATIENCE):
                raise Unreachable(f"{where} ends at {end}, but nothing came")
        return made

    async def look(self) -> None:
        """Take up wishes that have come: decide, and write down, before another event is made."""
        await self._read(_GLANCE)
        for offset, wish in sorted(self._open.items()):
            at = self._simulation.drifts.newest + 1
            decided = msgspec.structs.replace(wish, at=at, wish=offset)
            await self._writer.send([Message(self._where.topic, msgspec.json.encode(decided), partition=0)])
            self._simulation.drifts.turn(wish.scenario, on=wish.on, at=at)
            del self._open[offset]
            log.info("drift", scenario=wish.scenario, on=wish.on, from_event=at)

    async def close(self) -> None:
        """Let go."""
        await self._reader.close()

    async def _read(self, timeout: float) -> list[Record]:
        records = (await self._reader.read(timeout=timeout)).get(self._where, [])
        for record in records:
            self._take(record)
        return records

    def _take(self, record: Record) -> None:
        try:
            turn = self._decode(record.value or b"")
        except msgspec.MsgspecError as error:
            log.warning("not a wish for a drift", offset=record.offset, why=str(error))
            return
        scenarios = self._simulation.use_case.simulator.scenarios if self._simulation.use_case.simulator else {}
        if turn.scenario not in scenarios:
            log.warning("no such drift", scenario=turn.scenario, there_are=sorted(scenarios))
        elif turn.wish is None:
            self._open[record.offset] = turn
        elif self._open.pop(turn.wish, None) is not None:
            self._simulation.drifts.turn(turn.scenario, on=turn.on, at=turn.at)

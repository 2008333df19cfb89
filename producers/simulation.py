"""A simulated stream ready to be sent: facts numbered by day, so that it can be taken up anywhere in no time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice
from zlib import crc32

from millrace.domain.errors import UseCaseError
from millrace.domain.facts import Event, available_at
from millrace.domain.log import Message
from millrace.domain.simulation import Drifts, Played
from millrace.domain.times import SECOND, Micros, micros
from millrace.domain.usecase import AnyUseCase, Fact
from producers.malformed import malformed
from producers.stream import Numbered, written

DAY: Micros = 86_400 * SECOND
PER_DAY = 10_000_000
"""Numbers a simulated day has for its facts. Facts have even ones; an odd one is a malformed record behind a fact."""


class Simulation:
    """The facts of a use case's simulator; `share` of its events are followed by a malformed record.

    With a `limit` it ends after so many facts, and is played from its beginning whenever it is taken up.
    """

    def __init__(self, use_case: AnyUseCase, seed: int, share: float, limit: int | None = None) -> None:
        if use_case.simulator is None:
            raise UseCaseError(f"{use_case.name} has no simulator; give it simulator=by_day(…)")
        self.use_case = use_case
        self._simulator = use_case.simulator
        self._seed = seed
        self._share = share
        self._limit = limit
        self._begins = micros(use_case.simulator.begins)
        self._events, self._labels = use_case.topic("events"), use_case.topic("labels")
        self.drifts = Drifts()
        self.topics = (self._events,) if use_case.label is None else (self._events, self._labels)
        self.source = f"/millrace/simulated/{use_case.name}/{seed}".encode()

    def speed_for(self, events_per_second: float) -> float:
        """Return the seconds of the stream a second in which so many events happen, on average."""
        if not self._simulator.events_per_day:
            raise UseCaseError(
                f"the simulator of {self.use_case.name} does not say how many events a day has: give a speed"
            )
        return events_per_second * 86_400 / self._simulator.events_per_day

    def since(self, number: int) -> Iterator[Numbered]:
        """Yield the facts from a number on; what lies days before it is not played where the simulator allows it."""
        day = 0 if self._limit else number // PER_DAY
        places = count()
        for played in islice(self._from(day), self._limit):
            fact = played.fact
            at = available_at(fact)
            if self._day(at) > day:
                day, places = self._day(at), count()
            numbered = self._numbered(fact, at, day * PER_DAY + 2 * next(places))
            yield from (it for it in numbered if it.number >= number)

    def _from(self, day: int) -> Iterator[Played]:
        if self._simulator.play_from is not None:
            yield from self._simulator.play_from(self._seed, self.drifts, day)
            return
        for played in self._simulator.play(self._seed, self.drifts):
            if self._day(available_at(played.fact)) >= day:
                yield played

    def _day(self, at: Micros) -> int:
        return (at - self._begins) // DAY

    def _numbered(self, fact: Fact, at: Micros, number: int) -> Iterator[Numbered]:
        is_event = isinstance(fact, Event)
        key = str(getattr(fact, self.use_case.key_field)).encode()
        yield Numbered(number, at, self._events if is_event else self._labels, key, fact)
        if is_event and crc32(b"%d %d" % (self._seed, number)) < self._share * 2**32:
            yield Numbered(number + 1, at, self._events, key, fact)

    def message(self, it: Numbered, partition: int) -> Message:
        """Return a fact as the record that carries it, or what a broken source makes of it."""
        whole = written(self.use_case, self.source, it, partition)
        return malformed(whole, it.number) if it.number % 2 else whole

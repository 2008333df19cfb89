"""From records to facts in order.

A record's availability time is when it could be known: `occurred_at` of an event, `known_at` of a label. Inside a batch,
records are taken by (availability time, topic, partition, offset), so that the ranges alone fix the order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from millrace.domain.facts import Event, Label
from millrace.domain.log import Record, TopicPartition
from millrace.domain.sources import Topics
from millrace.domain.times import Micros, micros, rfc3339, span
from millrace.domain.usecase import AnyUseCase
from millrace.learning.decoding import Decoding, Schemas
from millrace.learning.outcomes import Skipped, Unreadable

MAX_BYTES = 1_000_000
"""A record larger than this is refused."""
EARLIEST: Micros = 315_532_800_000_000
"""1980: a fact before it carries a broken clock's time."""
LATEST: Micros = 7_258_118_400_000_000
"""2200: likewise."""

Batch = Mapping[TopicPartition, Sequence["Arrival"]]


class Arrival(NamedTuple):
    """A record in its place, with the fact it carries and when that could be known."""

    time: Micros
    topic: str
    partition: int
    offset: int
    fact: Event | Label | Unreadable | Skipped
    record: Record


_arrival: Callable[[type[Arrival], tuple[Any, ...]], Arrival] = tuple.__new__
"""Makes an arrival in half the time that its own constructor, written in Python, takes."""


class Clock(NamedTuple):
    """What is known of one partition's time: the newest, and a leap nobody has confirmed yet."""

    newest: Micros
    suspect: Micros = 0


class Intake:
    """Reads one use case's records: its own, or those of somebody else's topics, which its source maps.

    `schemas` explains values that name their schema; where no record is read it is not needed.
    """

    def __init__(self, use_case: AnyUseCase, schemas: Schemas | None = None) -> None:
        self._gap = span(use_case.allowed_gap)
        self._events = use_case.topic("events")
        self._event = msgspec.json.Decoder(use_case.event).decode
        label = use_case.label
        self._label = None if label is None else msgspec.json.Decoder(label).decode
        source = use_case.source
        self._fact = Decoding(use_case, source, schemas).read if isinstance(source, Topics) else self._own

    def read(self, record: Record) -> Arrival:
        """Return a record's fact, or why it has none (with time 0: its place is that of the record before it)."""
        fact = self._fact(record)
        time = _time(fact)
        if not EARLIEST < time < LATEST:
            fact, time = _without_time(fact, time), 0
        return _arrival(Arrival, (time, record.topic, record.partition, record.offset, fact, record))

    def _own(self, record: Record) -> Event | Label | Unreadable:
        value = record.value
        if not value:
            return Unreadable("empty", "the record has no value")
        if len(value) > MAX_BYTES:
            return Unreadable("too-large", f"{len(value)} bytes; at most {MAX_BYTES} are read")
        decode: Any = self._event if record.topic == self._events else self._label
        try:
            return decode(value)  # type: ignore[no-any-return]
        except msgspec.ValidationError as error:
            return Unreadable("invalid", str(error))
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            return Unreadable("undecodable", str(error))

    def arrange(
        self, batch: Batch, clocks: Mapping[TopicPartition, Clock]
    ) -> tuple[list[Arrival], dict[TopicPartition, Clock]]:
        """Return a batch in order, and each partition's clock after it."""
        placed: list[Arrival] = []
        after = dict(clocks)
        for where, arrivals in batch.items():
            after[where] = self._place(arrivals, clocks.get(where, Clock(0)), placed)
        placed.sort()  # by time, topic, partition, offset: no two are alike in all four
        return placed, after

    def _place(self, arrivals: Sequence[Arrival], clock: Clock, placed: list[Arrival]) -> Clock:
        """Give each arrival of one partition its time: leaps are refused, what has no time takes that of the one before."""
        newest, suspect = clock
        times = self._orderly(arrivals, clock)
        if times:
            placed.extend(arrivals)
            return Clock(max(newest, max(times)))
        for index, arrival in enumerate(arrivals):
            time = arrival.time
            if not time:
                placed.append(arrival._replace(time=newest))
            elif newest and time > newest + self._gap and not self._confirmed(arrivals, index, newest, suspect):
                suspect = time
                passed_over = isinstance(arrival.fact, Skipped)
                placed.append(arrival._replace(time=newest, fact=arrival.fact if passed_over else _leap(time, newest)))
            else:
                placed.append(arrival)
                newest, suspect = max(newest, time), 0
        return Clock(newest, suspect)

    def _orderly(self, arrivals: Sequence[Arrival], clock: Clock) -> list[Micros] | None:
        """Return the arrivals' times if there is nothing to look into, as nearly always: each has one and none leaps."""
        times = [arrival.time for arrival in arrivals]
        return times if clock.newest and all(times) and max(times, default=0) <= clock.newest + self._gap else None

    def _confirmed(self, arrivals: Sequence[Arrival], index: int, newest: Micros, suspect: Micros) -> bool:
        """Tell whether a leap in time is believed: the one before leapt as far, or the one after does."""
        if suspect and abs(arrivals[index].time - suspect) <= self._gap:
            return True
        after = next((it.time for it in arrivals[index + 1 :] if it.time), 0)
        return bool(after) and abs(after - arrivals[index].time) <= self._gap

    def frontier(
        self,
        waiting: Batch,
        still_to_come: Sequence[TopicPartition],
        clocks: Mapping[TopicPartition, Clock] | None = None,
    ) -> Micros | None:
        """Return the time up to which (not including it) everything is here; `None` when nothing is missing.

        `still_to_come` are the partitions of which more is expected; one with nothing waiting lets nothing pass.
        """
        known = clocks or {}
        return min((self._last(waiting.get(where, ()), known.get(where)) for where in still_to_come), default=None)

    def _last(self, arrivals: Sequence[Arrival], clock: Clock | None) -> Micros:
        """Return up to when a partition is here: a little before its newest, or its clock's time where none has a time."""
        times = [it.time for it in arrivals[-3:] if it.time]
        if times or not arrivals:
            return min(times, default=0)
        return next((it.time for it in reversed(arrivals) if it.time), (clock.newest if clock else 0) + 1)

    def choose(
        self, waiting: Batch, clocks: Mapping[TopicPartition, Clock], frontier: Micros | None, most: int
    ) -> dict[TopicPartition, int]:
        """Return how many waiting arrivals of each partition to take next: those before the frontier, at most about `most`.

        Records of one moment are never parted by the limit, so that the order does not depend on how batches fall.
        """
        limit = LATEST if frontier is None else frontier
        placed = {where: self._times(its[: most + 1], clocks.get(where, Clock(0))) for where, its in waiting.items()}
        times = sorted(time for its in placed.values() for time in its if time < limit)
        if len(times) > most and times[most] > times[0]:
            limit = times[most]
        elif len(times) > most:  # the first moment alone is more than asked for: take the whole of it
            limit = times[0] + 1
            placed = {where: self._times(its, clocks.get(where, Clock(0))) for where, its in waiting.items()}
        return {where: taken for where, its in placed.items() if (taken := _prefix(its, limit))}

    def _times(self, arrivals: Sequence[Arrival], clock: Clock) -> list[Micros]:
        times = self._orderly(arrivals, clock)
        if times is not None:
            return times
        placed: list[Arrival] = []
        self._place(arrivals, clock, placed)
        return [it.time for it in placed]


def _time(fact: Event | Label | Unreadable | Skipped) -> Micros:
    if isinstance(fact, Event):
        return micros(fact.occurred_at)
    if isinstance(fact, Label):
        return micros(fact.known_at)
    return fact.time if isinstance(fact, Skipped) else 0


def _without_time(fact: Event | Label | Unreadable | Skipped, time: Micros) -> Unreadable | Skipped:
    """Return what a record is whose time no clock that works gives; what is passed over is so all the same."""
    if isinstance(fact, Unreadable | Skipped):
        return fact
    return Unreadable("invalid", f"its time is {rfc3339(time)}, which no clock that works gives")


def _leap(time: Micros, newest: Micros) -> Unreadable:
    return Unreadable(
        "future",
        f"its time {rfc3339(time)} leaps ahead of its partition's, {rfc3339(newest)}, and no record after it agrees",
    )


def _prefix(times: Sequence[Micros], limit: Micros) -> int:
    """Return how many come before the first at or past the limit."""
    return next((index for index, time in enumerate(times) if time >= limit), len(times))

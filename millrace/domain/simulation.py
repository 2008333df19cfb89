"""A simulated stream: facts in the order they could be known, and what one who knows the hidden causes would predict.

Hidden causes live in the simulator only. What reaches a use case is its events and labels, as from any other source.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from millrace.domain.errors import UseCaseError
from millrace.domain.facts import Event, Label, available_at
from millrace.domain.times import micros


class Played(NamedTuple):
    """One fact, and for an event the oracle's prediction: the true probability of yes, or the true expected number."""

    fact: Event | Label
    oracle: float | None = None


class Drift(msgspec.Struct, frozen=True):
    """A named change of the simulated world, from the `at`-th event on. Written `scenario@20000`."""

    scenario: str
    at: int = 0

    @classmethod
    def parse(cls, text: str) -> Drift:
        """Read `scenario@20000`, or `scenario` for one that holds from the start."""
        scenario, _, at = text.partition("@")
        if not scenario or (at and not at.isdigit()):
            raise UseCaseError(f"a drift is written scenario@20000 (the event it begins at), not {text!r}")
        return cls(scenario, int(at or 0))


class Drifts:
    """Which drifts hold; more may begin, and end, while the simulation plays. `newest` is the newest event asked about."""

    def __init__(self, drifts: tuple[Drift, ...] = ()) -> None:
        self._turns = {drift.scenario: [(drift.at, True)] for drift in drifts}
        self.newest = -1

    def turn(self, scenario: str, *, on: bool, at: int | None = None) -> int:
        """Let a scenario hold, or no more, from the `at`-th event on, by default from the next; return from which on."""
        begins = self.newest + 1 if at is None else at
        self._turns.setdefault(scenario, []).append((begins, on))
        return begins

    def holds(self, scenario: str, event: int) -> bool:
        """Tell whether a scenario holds at the `event`-th event."""
        if event > self.newest:
            self.newest = event
        turns = self._turns.get(scenario)
        return turns is not None and next((on for at, on in reversed(turns) if at <= event), False)


class Simulator(msgspec.Struct, frozen=True):
    """A source that is simulated: seeded (same seed and drifts, same bytes), endless, in order of availability time.

    `play(seed, drifts)` yields facts; `scenarios` says in words what each drift changes; `begins` is the time of the
    first event. `events_per_day` is the mean. `play_from(seed, drifts, day)`, where there is one, yields the very facts
    that `play` has from the start of a day on (counted from 0), without playing all that lies before it.
    """

    play: Callable[[int, Drifts], Iterator[Played]]
    scenarios: Mapping[str, str]
    begins: datetime
    about: str = ""
    events_per_day: float = 0.0
    play_from: Callable[[int, Drifts, int], Iterator[Played]] | None = None

    def drifts(self, wished: tuple[Drift, ...] = ()) -> Drifts:
        """Return drifts to play with; raise `UseCaseError`, naming those there are, for one that is unknown."""
        for drift in wished:
            if drift.scenario not in self.scenarios:
                known = ", ".join(sorted(self.scenarios)) or "none"
                raise UseCaseError(f"there is no drift {drift.scenario!r} here; there are: {known}")
        return Drifts(wished)


class Happened(NamedTuple):
    """One simulated event, the oracle's prediction of it, and its label if there will be one."""

    event: Event
    oracle: float
    label: Label | None


Days = Callable[[int, Drifts], Iterator[Happened]]
"""A world: what happens on a day (counted from 0), in order. A day knows its place without the days before it."""


def in_order(world: Days, drifts: Drifts, first: int) -> Iterator[Played]:
    """Yield events and labels by the time they could be known, events first at the same moment, from a day on."""
    waiting: list[tuple[datetime, int, Label]] = []
    number, day = 0, first
    while True:
        for event, oracle, label in world(day, drifts):
            while waiting and waiting[0][0] < event.occurred_at:
                yield Played(heapq.heappop(waiting)[2])
            yield Played(event, oracle)
            if label is not None:
                number += 1
                heapq.heappush(waiting, (label.known_at, number, label))
        day += 1


def by_day(
    world: Callable[[int], Days],
    *,
    scenarios: Mapping[str, str],
    begins: datetime,
    about: str,
    events_per_day: float,
    slowest_label: timedelta,
) -> Simulator:
    """Return the simulator of a world that is made day by day from its seed; it can be taken up at any day.

    No label is later than `slowest_label`: so many days before the one asked for are played for their labels' sake.
    """
    days_back = -(-slowest_label // timedelta(days=1))

    def play(seed: int, drifts: Drifts) -> Iterator[Played]:
        return in_order(world(seed), drifts, 0)

    def play_from(seed: int, drifts: Drifts, day: int) -> Iterator[Played]:
        since = micros(begins + timedelta(days=day))
        playing = in_order(world(seed), drifts, max(0, day - days_back))
        return (it for it in playing if available_at(it.fact) >= since)

    return Simulator(play, scenarios, begins, about, events_per_day, play_from)

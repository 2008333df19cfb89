"""A simulated stream: facts in the order they could be known, and what one who knows the hidden causes would predict.

Hidden causes live in the simulator only. What reaches a use case is its events and labels, as from any other source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

import msgspec

from millrace.domain.errors import UseCaseError
from millrace.domain.facts import Event, Label


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
    """Which drifts hold; more may begin while the simulation plays."""

    def __init__(self, drifts: tuple[Drift, ...] = ()) -> None:
        self._begins = {drift.scenario: drift.at for drift in drifts}

    def begin(self, scenario: str, at: int) -> None:
        """Let a scenario hold from the `at`-th event on."""
        self._begins.setdefault(scenario, at)

    def end(self, scenario: str) -> None:
        """Let a scenario hold no more."""
        self._begins.pop(scenario, None)

    def holds(self, scenario: str, event: int) -> bool:
        """Tell whether a scenario holds at the `event`-th event."""
        at = self._begins.get(scenario)
        return at is not None and event >= at


class Simulator(msgspec.Struct, frozen=True):
    """A source that is simulated: seeded (same seed and drifts, same bytes), endless, in order of availability time.

    `play(seed, drifts)` yields facts; `scenarios` says in words what each drift changes; `begins` is the time of the
    first event.
    """

    play: Callable[[int, Drifts], Iterator[Played]]
    scenarios: Mapping[str, str]
    begins: datetime
    about: str = ""

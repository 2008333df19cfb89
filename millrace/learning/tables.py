"""What one profile remembers, by key: means that fade, windows, last values, values met before.

Cells are plain data (dicts, tuples, floats), so that a state pickles small and reads the same everywhere. Reading changes
nothing: the same state answers for any moment.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from itertools import takewhile
from math import fsum, isfinite
from typing import Any, Protocol

from millrace.domain.fields import Location
from millrace.domain.profiles import ProfileSpec
from millrace.domain.times import SECOND, Micros
from millrace.learning.sessions import Session

Cells = dict[Hashable, Any]


class Table(Protocol):
    """What one profile remembers, by key."""

    cells: Cells

    def value(self, key: Hashable, at: Micros) -> Any:
        """Return what is remembered under a key as of a moment."""

    def add(self, key: Hashable, value: Any, at: Micros) -> None:
        """Remember one more value."""

    def forget(self, at: Micros) -> None:
        """Drop keys whose memory has run out by a moment."""


class FadingByCount:
    """Exponentially weighted mean in which the newest value weighs `alpha`. One float a key."""

    def __init__(self, spec: ProfileSpec) -> None:
        assert spec.alpha is not None
        self.cells: Cells = {}
        self._alpha = spec.alpha
        self._unseen = spec.unseen

    def value(self, key: Hashable, at: Micros) -> Any:
        """Return the mean, or `unseen`."""
        return self.cells.get(key, self._unseen)

    def add(self, key: Hashable, value: Any, at: Micros) -> None:
        """Move the mean towards a value."""
        mean = self.cells.get(key)
        self.cells[key] = float(value) if mean is None else mean + self._alpha * (value - mean)

    def forget(self, at: Micros) -> None:
        """Keep everything: by count, nothing fades with time."""


class FadingByTime:
    """Mean whose weights halve in `half_life`. A cell is (weighted sum, sum of weights, time of the newest)."""

    def __init__(self, spec: ProfileSpec) -> None:
        assert spec.half_life is not None
        self.cells: Cells = {}
        self._half_life = spec.half_life
        self._unseen = spec.unseen

    def value(self, key: Hashable, at: Micros) -> Any:
        """Return the mean, or `unseen`."""
        cell = self.cells.get(key)
        return self._unseen if cell is None else cell[0] / cell[1]

    def add(self, key: Hashable, value: Any, at: Micros) -> None:
        """Fade what is there to the moment and add a value; one that comes late weighs less instead."""
        cell = self.cells.get(key)
        if cell is None:
            self.cells[key] = (float(value), 1.0, at)
            return
        total, weight, newest = cell
        if at >= newest:
            kept: float = 0.5 ** ((at - newest) / self._half_life)
            self.cells[key] = (total * kept + value, weight * kept + 1.0, at)
        else:
            late: float = 0.5 ** ((newest - at) / self._half_life)
            self.cells[key] = (total + value * late, weight + late, newest)

    def forget(self, at: Micros) -> None:
        """Drop keys unheard of for forty half-lives: nothing of them is left in a float."""
        horizon = at - 40 * self._half_life
        for key in [key for key, cell in self.cells.items() if cell[2] < horizon]:
            del self.cells[key]


class Window:
    """Values of the last `window`. A cell is (deque of (time, value) oldest first, parts of their exact sum).

    The sum is kept as parts that do not overlap (Shewchuk, 1997): what goes in comes out again exactly, so the sum is
    that of the values in the window, correctly rounded, however many went through.
    """

    def __init__(self, spec: ProfileSpec) -> None:
        assert spec.window is not None
        self.cells: Cells = {}
        self._window = spec.window
        self._kind = spec.kind
        self._unseen = spec.unseen

    def value(self, key: Hashable, at: Micros) -> Any:
        """Return the count, sum or mean of what lies in the window that ends at the moment."""
        cell = self.cells.get(key)
        if cell is None:
            return self._unseen
        values, parts = cell
        start = at - self._window
        gone = [] if values[0][0] > start else [value for _, value in takewhile(lambda it: it[0] <= start, values)]
        inside = len(values) - len(gone)
        if self._kind == "window_count":
            return inside
        if not inside:
            return self._unseen
        total = fsum([*parts, *(-value for value in gone)])
        return total if self._kind == "window_sum" else total / inside

    def add(self, key: Hashable, value: Any, at: Micros) -> None:
        """Add a value and let go of what has left the window. A value that comes late goes to its place in time."""
        if not isfinite(value):
            raise ValueError(f"a window cannot remember {value}: give it a number with an end, or None")
        cell = self.cells.get(key)
        if cell is None:
            cell = self.cells[key] = (deque(), [])
        values, parts = cell
        _insert(values, at, value)
        counts = self._kind == "window_count"
        if not counts:
            _accumulate(parts, float(value))
        start = values[-1][0] - self._window
        while values[0][0] <= start:
            _, gone = values.popleft()
            if not counts:
                _accumulate(parts, -float(gone))

    def forget(self, at: Micros) -> None:
        """Drop keys with nothing in the window."""
        start = at - self._window
        for key in [key for key, cell in self.cells.items() if cell[0][-1][0] <= start]:
            del self.cells[key]


def _insert(values: deque[tuple[Micros, Any]], at: Micros, value: Any) -> None:
    """Put a value behind all that are not younger. Almost always that is the end."""
    later = 0
    while later < len(values) and values[-1 - later][0] > at:
        later += 1
    values.insert(len(values) - later, (at, value))


def _accumulate(parts: list[float], value: float) -> None:
    """Add a value to an exact sum, kept as parts that do not overlap (Shewchuk, 1997, grow-expansion)."""
    kept = 0
    for part in parts:
        high, low = (value, part) if abs(value) >= abs(part) else (part, value)
        value = high + low
        lost = low - (value - high)
        if lost:
            parts[kept] = lost
            kept += 1
    parts[kept:] = [value] if value else []


class Last:
    """The newest value. A cell is (value, time)."""

    def __init__(self, spec: ProfileSpec) -> None:
        self.cells: Cells = {}
        self._unseen = spec.unseen
        self._window = spec.window

    def value(self, key: Hashable, at: Micros) -> Any:
        """Return the newest value, or `unseen`."""
        cell = self.cells.get(key)
        return self._unseen if cell is None or self._is_over(cell[1], at) else cell[0]

    def add(self, key: Hashable, value: Any, at: Micros) -> None:
        """Remember a value instead of the one before."""
        self.cells[key] = (value, at)

    def forget(self, at: Micros) -> None:
        """Drop keys unheard of for longer than they are remembered."""
        for key in [key for key, cell in self.cells.items() if self._is_over(cell[1], at)]:
            del self.cells[key]

    def _is_over(self, newest: Micros, at: Micros) -> bool:
        return self._window is not None and newest <= at - self._window


class Since:
    """When the last event was. A cell is its time; the value is in seconds."""

    def __init__(self, spec: ProfileSpec) -> None:
        assert spec.window is not None
        self.cells: Cells = {}
        self._unseen = spec.unseen
        self._window = spec.window

    def value(self, key: Hashable, at: Micros) -> Any:
        """Return the seconds since the last event, or `unseen`."""
        last = self.cells.get(key)
        return self._unseen if last is None or last <= at - self._window else max(0, at - last) / SECOND

    def add(self, key: Hashable, value: Any, at: Micros) -> None:
        """Remember an event's time."""
        self.cells[key] = at

    def forget(self, at: Micros) -> None:
        """Drop keys unheard of for longer than they are remembered."""
        for key in [key for key, last in self.cells.items() if last <= at - self._window]:
            del self.cells[key]


class FirstUse(Since):
    """Which values there were. A cell is the time of the newest; keys are (key, value)."""

    def value(self, key: Hashable, at: Micros) -> Any:
        """Return whether the value is new under its key."""
        last = self.cells.get(key)
        return last is None or last <= at - self._window


class Distance(Last):
    """Where the last event was. Keys are (key, place at hand); a cell is ((latitude, longitude), time)."""

    def value(self, key: Any, at: Micros) -> Any:
        """Return the kilometres from the last place to the one at hand, or `unseen`."""
        who, here = key
        last = super().value(who, at)
        return self._unseen if here is None or last is self._unseen else Location(*last).km_to(here)

    def add(self, key: Any, value: Any, at: Micros) -> None:
        """Remember a place instead of the one before."""
        who, here = key
        super().add(who, (here.lat, here.lon), at)


class Distinct:
    """Different values of the last `window`. A cell is a dict of value to its newest time, the oldest of these first."""

    def __init__(self, spec: ProfileSpec) -> None:
        assert spec.window is not None
        self.cells: Cells = {}
        self._window = spec.window

    def value(self, key: Hashable, at: Micros) -> Any:
        """Return how many different values lie in the window that ends at the moment."""
        newest = self.cells.get(key)
        if newest is None:
            return 0
        start = at - self._window
        return len(newest) - sum(1 for _ in takewhile(lambda when: when <= start, newest.values()))

    def add(self, key: Hashable, value: Any, at: Micros) -> None:
        """Add a value and let go of those that have left the window."""
        newest = self.cells.setdefault(key, {})
        at = max(at, newest.pop(value, at), next(reversed(newest.values()), at))
        newest[value] = at
        for gone in list(takewhile(lambda it: newest[it] <= at - self._window, newest)):
            del newest[gone]

    def forget(self, at: Micros) -> None:
        """Drop keys with nothing in the window."""
        start = at - self._window
        for key in [key for key, newest in self.cells.items() if next(reversed(newest.values())) <= start]:
            del self.cells[key]


TABLES: dict[str, Callable[[ProfileSpec], Table]] = {
    "window_count": Window,
    "window_sum": Window,
    "window_mean": Window,
    "last_value": Last,
    "seconds_since": Since,
    "km_since": Distance,
    "first_use": FirstUse,
    "distinct_count": Distinct,
    "session_count": Session,
    "session_sum": Session,
    "session_mean": Session,
}
OF_THE_EVENT_AT_HAND = ("km_since", "first_use")
"""Kinds whose value depends on what the event at hand has: their keys are (key, what it has)."""


def table_for(spec: ProfileSpec) -> Table:
    """Return an empty table for a declared profile."""
    if spec.kind == "decayed_mean":
        return FadingByCount(spec) if spec.alpha is not None else FadingByTime(spec)
    return TABLES[spec.kind](spec)

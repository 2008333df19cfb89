"""Profiles at work: remembers numbers under keys, as of any event.

What is remembered is plain data (dicts, tuples, floats), so that a state pickles small and reads the same everywhere.
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable, Hashable
from operator import attrgetter
from typing import Any, Protocol

import msgspec

from millrace.domain.errors import UseCaseError
from millrace.domain.profiles import Profiles, ProfileSpec
from millrace.domain.times import Micros
from millrace.domain.usecase import AnyUseCase

KeyOf = Callable[[Any], Hashable]
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
    """Values of the last `window`. A cell is a deque of (time, value), oldest first."""

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
        start = at - self._window
        inside = [value for when, value in cell if when > start]
        if self._kind == "window_count":
            return len(inside)
        if self._kind == "window_sum":
            return sum(inside, 0.0)
        return sum(inside) / len(inside) if inside else self._unseen

    def add(self, key: Hashable, value: Any, at: Micros) -> None:
        """Add a value and let go of what has left the window."""
        cell = self.cells.setdefault(key, deque())
        cell.append((at, value))
        while cell[0][0] <= at - self._window:
            cell.popleft()

    def forget(self, at: Micros) -> None:
        """Drop keys with nothing in the window."""
        start = at - self._window
        for key in [key for key, cell in self.cells.items() if cell[-1][0] <= start]:
            del self.cells[key]


class Last:
    """The newest value. One value a key."""

    def __init__(self, spec: ProfileSpec) -> None:
        self.cells: Cells = {}
        self._unseen = spec.unseen

    def value(self, key: Hashable, at: Micros) -> Any:
        """Return the newest value, or `unseen`."""
        return self.cells.get(key, self._unseen)

    def add(self, key: Hashable, value: Any, at: Micros) -> None:
        """Remember a value instead of the one before."""
        self.cells[key] = value

    def forget(self, at: Micros) -> None:
        """Keep everything."""


def table_for(spec: ProfileSpec) -> Table:
    """Return an empty table for a declared profile."""
    if spec.kind == "decayed_mean":
        return FadingByCount(spec) if spec.alpha is not None else FadingByTime(spec)
    return Last(spec) if spec.kind == "last_value" else Window(spec)


class Memory:
    """Every profile of one use case."""

    def __init__(self, use_case: AnyUseCase) -> None:
        self._seen_type = use_case.profiles
        specs = use_case.profiles.specs()
        self.tables: dict[str, Table] = {name: table_for(spec) for name, spec in specs.items()}
        keys = {name: _key_of(use_case, name, spec) for name, spec in specs.items()}
        self._reads = [(name, self.tables[name].value, keys[name]) for name in specs]
        self._by_events: list[tuple[Callable[..., None], KeyOf, Callable[[Any], Any]]] = []
        self._by_labels: list[tuple[Callable[..., None], KeyOf, Callable[[Any, Any], Any]]] = []
        for name, spec in specs.items():
            arity, value = _value_of(use_case, name, spec)
            updates = self._by_labels if arity == 2 else self._by_events
            updates.append((self.tables[name].add, keys[name], value))

    def seen(self, event: Any, at: Micros) -> Profiles:
        """Return the profiles as of an event: an instance whose attributes are the values."""
        seen: Profiles = object.__new__(self._seen_type)
        seen.__dict__.update({name: value(key(event), at) for name, value, key in self._reads})
        return seen

    def saw(self, event: Any, at: Micros) -> None:
        """Remember an event."""
        for add, key, value in self._by_events:
            number = value(event)
            if number is not None:
                add(key(event), number, at)

    def settled(self, event: Any, label: Any, at: Micros) -> None:
        """Remember the truth about an event."""
        for add, key, value in self._by_labels:
            number = value(event, label)
            if number is not None:
                add(key(event), number, at)

    def forget(self, at: Micros) -> None:
        """Drop what has run out by a moment."""
        for table in self.tables.values():
            table.forget(at)

    def dump(self) -> dict[str, Cells]:
        """Return everything remembered, by profile."""
        return {name: table.cells for name, table in self.tables.items()}

    def load(self, cells: dict[str, Cells]) -> None:
        """Take over what another memory remembered."""
        for name, table in self.tables.items():
            table.cells = cells[name]


def _fields(kind: type[msgspec.Struct] | None) -> tuple[str, ...]:
    return () if kind is None else kind.__struct_fields__


def _key_of(use_case: AnyUseCase, profile: str, spec: ProfileSpec) -> KeyOf:
    if spec.by is None:
        return lambda _event: None
    if callable(spec.by):
        return spec.by
    names = (spec.by,) if isinstance(spec.by, str) else spec.by
    for name in names:
        if name not in _fields(use_case.event):
            raise UseCaseError(
                f"{use_case.name}: profile {profile!r} is kept by {name!r}, which is no field of "
                f"{use_case.event.__name__} (it has {', '.join(_fields(use_case.event))})"
            )
    return attrgetter(*names)


def _value_of(use_case: AnyUseCase, profile: str, spec: ProfileSpec) -> tuple[int, Callable[..., Any]]:
    """Return how many arguments the value is made from (1: the event, 2: event and label), and how."""
    value = spec.value
    if value is None:
        return 1, lambda _event: 1
    if callable(value):
        arity = len(inspect.signature(value).parameters)
        if arity not in (1, 2):
            raise UseCaseError(
                f"{use_case.name}: the value of profile {profile!r} takes {arity} arguments; "
                f"write lambda event: … or lambda event, label: …"
            )
        return arity, value
    if value in _fields(use_case.label):
        return 2, lambda _event, label: getattr(label, value)
    if value in _fields(use_case.event):
        return 1, attrgetter(value)
    raise UseCaseError(
        f"{use_case.name}: profile {profile!r} remembers {value!r}, which is a field of neither {use_case.event.__name__} "
        f"nor its label"
    )

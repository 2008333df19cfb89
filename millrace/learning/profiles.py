"""Profiles at work: remembers numbers under keys, as of any event."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Hashable, Mapping
from operator import attrgetter
from typing import Any

import msgspec

from millrace.domain.errors import UseCaseError
from millrace.domain.profiles import Profiles, ProfileSpec
from millrace.domain.tasks import Clustering
from millrace.domain.times import Micros
from millrace.domain.usecase import AnyUseCase
from millrace.learning.tables import OF_THE_EVENT_AT_HAND, Cells, Table, table_for

KeyOf = Callable[[Any], Hashable]


class Memory:
    """Every profile of one use case."""

    def __init__(self, use_case: AnyUseCase) -> None:
        self._seen_type = use_case.profiles
        specs = use_case.profiles.specs()
        self.tables: dict[str, Table] = {name: table_for(spec) for name, spec in specs.items()}
        keys = {name: _place_of(use_case, name, spec) for name, spec in specs.items()}
        self._reads = [(name, self.tables[name].value, keys[name]) for name in specs]
        self._by_events: list[tuple[Callable[..., None], KeyOf, Callable[[Any], Any]]] = []
        self._by_labels: list[tuple[Callable[..., None], KeyOf, Callable[[Any, Any], Any]]] = []
        for name, spec in specs.items():
            arity, value = _value_of(use_case, name, spec)
            if arity == 2 and isinstance(use_case.task, Clustering):
                raise UseCaseError(
                    f"{use_case.name}: profile {name!r} learns from labels; where events are grouped, truth only scores"
                )
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

    def inherit(self, cells: Mapping[str, Cells], names: Collection[str]) -> None:
        """Take over what another memory remembered in the profiles named."""
        for name, table in self.tables.items():
            if name in names and name in cells:
                table.cells = cells[name]


def _fields(kind: type[msgspec.Struct] | None) -> tuple[str, ...]:
    return () if kind is None else kind.__struct_fields__


def _place_of(use_case: AnyUseCase, profile: str, spec: ProfileSpec) -> KeyOf:
    """Return where a table keeps what belongs to an event."""
    key = _key_of(use_case, profile, spec)
    if spec.kind not in OF_THE_EVENT_AT_HAND:
        return key
    arity, value = _value_of(use_case, profile, spec)
    if arity != 1:
        raise UseCaseError(f"{use_case.name}: profile {profile!r} is about events; its value cannot come from a label")
    return lambda event: (key(event), value(event))


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

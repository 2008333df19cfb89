"""Facts to try a use case on: the first of its own source, or made up from the types of its events and labels."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

import msgspec
from msgspec import inspect

from millrace.domain.errors import UseCaseError
from millrace.domain.facts import available_at
from millrace.domain.simulation import Drifts
from millrace.domain.usecase import AnyUseCase, Fact

BEGINS = datetime(2024, 1, 1, tzinfo=UTC)
KEYS = 12
"""Different texts in a made-up field of texts."""


class Sample(NamedTuple):
    """Facts in the order they could be known; `real` says that they are not made up."""

    facts: Sequence[Fact]
    real: bool


def sample(use_case: AnyUseCase, count: int) -> Sample:
    """Return at most `count` facts; real ones when the use case has a source or a simulator."""
    if use_case.simulator is not None:
        played = use_case.simulator.play(use_case.seed, Drifts())
        return Sample([it.fact for it in islice(played, count)], real=True)
    if use_case.is_replayed:
        from millrace.adapters.archive.tables import load_replayed

        return Sample(load_replayed(use_case).facts[:count], real=True)
    return Sample(made_up(use_case, count), real=False)


def made_up(use_case: AnyUseCase, count: int) -> list[Fact]:
    """Return facts drawn from the types alone: an event a minute, its label within a third of the patience."""
    chance = random.Random(use_case.seed)  # noqa: S311 - seeded on purpose
    truth = use_case.task.truth
    wait = (truth.patience if truth else 0) / 3
    facts: list[Fact] = []
    for number in range(count // 2):
        at = BEGINS + timedelta(minutes=number)
        event = _drawn(use_case.event, chance, number, occurred_at=at)
        facts.append(event)
        if truth:
            its = {truth_field: getattr(event, truth_field) for truth_field in _shared(use_case)}
            its[use_case.of_field] = getattr(event, use_case.id_field)
            known = at + timedelta(microseconds=chance.uniform(0.1, 1) * wait)
            facts.append(_drawn(truth.label, chance, number, **{**its, "known_at": known}))
    return sorted(facts, key=available_at)


def _shared(use_case: AnyUseCase) -> set[str]:
    """Return the event's key where the label carries it too."""
    label = use_case.label
    return {use_case.key_field} & set(label.__struct_fields__ if label else ())


def _drawn(kind: type[Any], chance: random.Random, number: int, **given: Any) -> Any:
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    fields = {it.name: _value(it.type, it.name, chance, number) for it in info.fields if it.name not in given}
    return msgspec.convert({**fields, **given}, kind, strict=False)


def _value(kind: inspect.Type, name: str, chance: random.Random, number: int) -> Any:
    match kind:
        case inspect.Metadata(type=inner, extra=extra):
            role = (extra or {}).get("role")
            return _identity(inner, name, number) if role == "id" else _value(inner, name, chance, number)
        case inspect.UnionType(types=types):
            options = [it for it in types if not isinstance(it, inspect.NoneType)]
            missing = len(options) < len(types) and chance.random() < 0.1
            return None if missing else _value(chance.choice(options), name, chance, number)
        case inspect.LiteralType(values=values):
            return chance.choice(values)
        case inspect.EnumType(cls=cls):
            return chance.choice(list(cls))
        case inspect.StructType(cls=cls):
            return _drawn(cls, chance, number)
    return _plain(kind, name, chance, number)


def _plain(kind: inspect.Type, name: str, chance: random.Random, number: int) -> Any:
    match kind:
        case inspect.BoolType():
            return chance.random() < 0.3
        case inspect.FloatType() | inspect.IntType():
            return _number(kind, chance)
        case inspect.StrType():
            return f"{name}-{chance.randrange(KEYS)}"
        case inspect.DateTimeType():
            return BEGINS + timedelta(minutes=number + chance.randrange(600))
        case inspect.ListType() | inspect.DictType():
            return [] if isinstance(kind, inspect.ListType) else {}
    raise UseCaseError(f"no {type(kind).__name__} can be made up for field {name!r}: give the use case a source")


def _identity(kind: inspect.Type, name: str, number: int) -> Any:
    return number if isinstance(kind, inspect.IntType) else f"{name}-{number}"


def _number(kind: inspect.FloatType | inspect.IntType, chance: random.Random) -> float | int:
    low = kind.ge if kind.ge is not None else kind.gt if kind.gt is not None else 0
    high = kind.le if kind.le is not None else kind.lt if kind.lt is not None else low + 100
    if isinstance(kind, inspect.IntType):
        return chance.randint(int(low) + (kind.gt is not None), int(high) - (kind.lt is not None))
    return low + (high - low) * (0.01 + 0.98 * chance.random())

"""The use cases that ship: what an event brings, what each feature means, who competes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from apps.api.schema import event_schema
from millrace.domain.profiles import ProfileSpec
from millrace.domain.times import Micros
from millrace.domain.usecase import AnyUseCase
from millrace.usecases import find, names

UNITS = (("d", 86_400_000_000), ("h", 3_600_000_000), ("min", 60_000_000), ("s", 1_000_000))


def use_cases(made: str) -> Iterator[str]:
    """Yield the lines of the page."""
    yield from ("# The use cases that ship", "", made, "")
    yield from ("The API says the same of each, under `event_schema`, `features` and `candidates`.", "")
    for name in names():
        yield from _use_case(find(name))


def _use_case(it: AnyUseCase) -> Iterator[str]:
    yield from (f"## {it.name}", "", it.question, "")
    origin = it.source or it.simulator
    if about := getattr(origin, "about", ""):
        yield from (f"{about.rstrip('.')}.", "")
    yield from ("| field of the event | type | |", "| --- | --- | --- |")
    schema = event_schema(it)["$defs"]
    for name, field in schema[it.event.__name__]["properties"].items():
        yield f"| `{name}` | {_type(field)} | {_role(it, name, field)} |"
    yield from ("", "| profile | kept by | |", "| --- | --- | --- |")
    for name, spec in it.profiles.specs().items():
        yield f"| `{name}` | {_by(spec)} | {_kind(spec)} |"
    yield from ("", "| feature | what it means |", "| --- | --- |")
    yield from (f"| `{name}` | {about} |" for name, about in it.notes.items())
    yield from ("", "| who competes | |", "| --- | --- |")
    yield from (f"| {name}, candidate | {candidate.about} |" for name, candidate in it.candidates.items())
    yield from (f"| {name}, baseline | |" for name in it.baselines)
    yield ""


def _type(field: dict[str, Any]) -> str:
    if "anyOf" in field:
        return " or ".join(_type(each) for each in field["anyOf"] if each != {"type": "null"})
    if "enum" in field:
        return ", ".join(f"`{each}`" for each in field["enum"])
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2].lower()
    return str(field.get("format") or field.get("type", ""))


def _role(it: AnyUseCase, name: str, field: dict[str, Any]) -> str:
    said = {it.id_field: "its id", it.key_field: "its key"}.get(name, "")
    options = [str(field["unit"])] if "unit" in field else []
    options += ["may be missing"] if {"type": "null"} in field.get("anyOf", []) else []
    return ", ".join([*([said] if said else []), *options])


def _by(spec: ProfileSpec) -> str:
    if spec.by is None:
        return "all"
    if isinstance(spec.by, tuple):
        return " and ".join(f"`{each}`" for each in spec.by)
    return f"`{spec.by}`" if isinstance(spec.by, str) else _said(spec.by)


def _kind(spec: ProfileSpec) -> str:
    of = "" if spec.value is None else f" of {f'`{spec.value}`' if isinstance(spec.value, str) else _said(spec.value)}"
    how = [f"half-life {_span(spec.half_life)}"] if spec.half_life else []
    how += [f"the newest weighs {spec.alpha:g}"] if spec.alpha else []
    how += [f"{'pause' if spec.kind.startswith('session') else 'window'} {_span(spec.window)}"] if spec.window else []
    return ", ".join([f"{spec.kind.replace('_', ' ')}{of}", *how])


def _said(function: Any) -> str:
    """Return a function's docstring as a phrase, or that it is one of the use case's own."""
    words = (function.__doc__ or "").strip().splitlines()
    return words[0].removeprefix("Return ").rstrip(".") if words else "a rule of its own"


def _span(span: Micros) -> str:
    return next(f"{span / size:g} {name}" for name, size in UNITS if span >= size)

"""The settings of all services as one list: which are in force, where each comes from, which nobody knows."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from importlib import import_module

import msgspec
from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo

from millrace.cli.invalid import lines
from millrace.cli.secrets import HIDDEN, without_password
from millrace.domain.errors import SettingsError
from millrace.runtime.settings import Connections

PREFIX = "MILLRACE_"
SERVICES = {
    "trainer": "trainer.settings:TrainerSettings",
    "producer": "producers.settings:ProducerSettings",
    "api": "apps.api.settings:ApiSettings",
    "feed": "apps.feed.settings:FeedSettings",
    "dashboard": "apps.dashboard.settings:DashboardSettings",
}
_OUR_OWN = {"MILLRACE_DEBUG"}
_NOT_FOR_US = re.compile(r"MILLRACE_(DRILL_\w+|\w+_SERVICE_(HOST|PORT)\w*|\w*PORT_\d+_(TCP|UDP)\w*)")
"""What the drills read, and what Kubernetes tells every pod of services whose names begin like ours."""


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One setting: what is in force, and who told. `used_by` are the services that read it."""

    variable: str
    value: str
    source: str
    help: str
    used_by: list[str]


def in_force(told_by: Mapping[str, str]) -> list[Setting]:
    """Return every setting there is. `told_by` names who told the variables that the environment did not."""
    found: dict[str, Setting] = {}
    for service, kind in _kinds():
        for name, field in kind.model_fields.items():
            variable = f"{PREFIX}{name.upper()}"
            before = found[variable].used_by if variable in found else []
            found[variable] = _setting(variable, field, [*before, service], told_by)
    return sorted(found.values(), key=lambda it: (-len(it.used_by), it.used_by, it.variable))


def impossible() -> list[str]:
    """Return what is wrong with values, as lines; what a service must be told and is not told yet is left out."""
    found: dict[str, None] = {}
    for _, kind in _kinds():
        try:
            kind()
        except ValidationError as error:
            found |= dict.fromkeys(lines(error, missing=False))
    return list(found)


def unknown(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return variables that begin like ours and that nobody reads, each with the nearest there is."""
    known = {f"{PREFIX}{name.upper()}" for _, kind in _kinds() for name in kind.model_fields} | _OUR_OWN
    strange = [name for name in sorted(environment) if name.startswith(PREFIX) and name not in known]
    return [_unknown(name, known) for name in strange if not _NOT_FOR_US.fullmatch(name)]


def refuse_unknown() -> None:
    """Raise `SettingsError` when the environment holds a setting that nobody knows: it is a mistyped one."""
    if found := unknown():
        raise SettingsError("\n  ".join(["there are settings that nobody reads:", *found]))


def _unknown(name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"{name} is no setting" + (f"; is {near[0]} meant?" if near else "; `millrace doctor` lists them all")


def _kinds() -> Iterator[tuple[str, type[Connections]]]:
    for service, where in SERVICES.items():
        module, _, name = where.partition(":")
        yield service, getattr(import_module(module), name)


def _setting(variable: str, field: FieldInfo, used_by: list[str], told_by: Mapping[str, str]) -> Setting:
    told = os.environ.get(variable)
    source = "default" if told is None else told_by.get(variable, "environment")
    value = _default(field) if told is None else told
    secret = field.annotation is SecretStr
    return Setting(
        variable=variable,
        value=HIDDEN if secret else without_password(value),
        source=source,
        help=field.description or "",
        used_by=used_by,
    )


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "(must be told)"
    value = field.get_default(call_default_factory=True, validated_data={})
    return "" if value in (None, []) else str(value)

"""Predictions, registered versions and answers, as rows ready to be shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from apps.dashboard import words
from apps.dashboard.replies import Answered, Published, Value, Version
from apps.dashboard.standing import ORDER

RECENT = "recent_"
VERSUS = "versus_champion"


@dataclass(frozen=True)
class Foreseen:
    """One prediction, with its truth once known. `event_id` tells rows apart."""

    event_id: str
    date: str
    time: str
    key: str
    predicted: str
    truth: str
    error: str
    state: str


@dataclass(frozen=True)
class Registered:
    """One registered version."""

    version: str
    state: str
    champion: str
    aliases: list[str]
    metrics: str
    created: str
    until: str


@dataclass(frozen=True)
class Named:
    """A name, its value, and the role and colour of who bears it."""

    name: str
    value: str
    role: str = ""
    key: str = ""


@dataclass(frozen=True)
class Reply:
    """An answer. Empty `state_id`: none yet."""

    value: str = ""
    unit: str = ""
    words: str = ""
    champion: str = ""
    state_id: str = ""
    until: str = ""
    profiles_at: str = ""
    made_at: str = ""
    serving: str = ""
    degraded: str = ""
    estimates: list[Named] = field(default_factory=list)
    features: list[Named] = field(default_factory=list)


def foreseen(predictions: Iterable[Published], use_case: str, unit: str, *, settled: bool, most: int) -> list[Foreseen]:
    """Return the newest predictions; with `settled`, only those whose truth is known."""
    wanted = [it for it in predictions if not settled or it.truth is not None]
    return [_foreseen(it, use_case, unit) for it in wanted[:most]]


def _foreseen(it: Published, use_case: str, unit: str) -> Foreseen:
    error = None if it.value is None or not isinstance(it.truth, int | float) else it.value - it.truth
    date, _, time = words.moment(it.occurred_at.isoformat()).partition(" ")
    return Foreseen(
        event_id=it.event_id,
        date=date,
        time=time,
        key=it.key,
        predicted=" ".join(words.quantity(it.value, unit)).strip(),
        truth=it.truth if isinstance(it.truth, str) else words.number(it.truth),
        error=words.change(error),
        state=words.state(it.state_id, use_case),
    )


def registered(versions: Iterable[Version], use_case: str) -> list[Registered]:
    """Return the registered versions, newest first."""
    rows = [_registered(it, use_case) for it in versions]
    return sorted(rows, key=lambda it: int(it.version) if it.version.isdecimal() else 0, reverse=True)


def _registered(it: Version, use_case: str) -> Registered:
    return Registered(
        version=str(it.version),
        state=words.state(it.state_id, use_case),
        champion=it.champion or words.NOTHING,
        aliases=it.aliases,
        metrics=_metrics(it.metrics),
        created=words.minute(it.created_at),
        until=words.minute(it.trained_until),
    )


def _metrics(metrics: Mapping[str, float]) -> str:
    """Word a version's metrics; `recent_` names the recent window, as in the registry."""
    named = {
        f"{words.metric(name.removeprefix(RECENT))}{' recent' if name.startswith(RECENT) else ''}": name
        for name in metrics
    }
    return " · ".join(
        f"{shown} {words.number(metrics[name])}" for shown, name in sorted(named.items()) if name != VERSUS
    )


def reply(answered: Answered, use_case: str, keys: Mapping[str, str]) -> Reply:
    """Make an answer ready to be shown; `keys` names the colours of those who compete."""
    value, unit = words.quantity(answered.value, answered.unit)
    return Reply(
        value=value,
        unit=unit,
        words=answered.words or "",
        champion=answered.champion or "",
        state_id=answered.state_id,
        until=words.minute(answered.trained_until),
        profiles_at=words.state(answered.profiles_at, use_case) if answered.profiles_at else "",
        made_at=words.moment(answered.made_at),
        serving=_serving(answered),
        degraded=answered.degraded or "",
        estimates=_estimates(answered, keys),
        features=[Named(words.title(name), _written(value)) for name, value in answered.features.items()],
    )


def _serving(answered: Answered) -> str:
    if answered.serving_from == "registered":
        return f"registered version {answered.model_version or ''}".strip()
    return "live state" if answered.serving_from == "live" else ""


def _estimates(answered: Answered, keys: Mapping[str, str]) -> list[Named]:
    roles = dict.fromkeys(answered.by_candidate, "challenger") | {answered.champion or "": "champion"}
    roles |= dict.fromkeys(answered.baselines, "baseline")
    values = answered.by_candidate | answered.baselines
    rows = [_estimate(name, value, answered.unit, roles[name], keys) for name, value in values.items()]
    return sorted(rows, key=lambda it: ORDER[it.role])


def _estimate(name: str, value: float | None, unit: str, role: str, keys: Mapping[str, str]) -> Named:
    return Named(name, " ".join(words.quantity(value, unit)).strip(), role, keys.get(name, f"{role}-1"))


def _written(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return words.number(value) if isinstance(value, int | float) else str(value if value is not None else words.NOTHING)

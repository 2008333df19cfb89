"""The clusters of a use case that groups events, as cards and lines ready to be shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from apps.dashboard import words
from apps.dashboard.replies import Clusters
from millrace.domain.clusters import Cluster, Sizes, Spread

COLOURS = 8
SHOWN_FEATURES = 6
SHOWN_FIELDS = 8
TRENDS = {"growing": "▲ growing", "shrinking": "▼ shrinking", "steady": "steady", "new": "new"}
_OWN_WORDS = re.compile(r"[^/]+/\S+ (?P<rest>.+)")


@dataclass(frozen=True)
class Measure:
    """One feature of a cluster: its mean beside that of all, and where most of its values lie."""

    name: str
    mean: str
    overall: str
    middle: str
    tone: str


@dataclass(frozen=True)
class Group:
    """One cluster. `key` is its colour's name in the style sheet; it goes with the id, so that it lasts."""

    id: str
    key: str
    words: str
    share: str
    size: str
    trend: str
    tone: str
    since: str
    measures: list[Measure] = field(default_factory=list)
    samples: list[str] = field(default_factory=list)


def groups(found: Clusters) -> list[Group]:
    """Return a card a cluster, the largest first."""
    return [_group(it, found.window) for it in found.clusters]


def told(found: Clusters) -> str:
    """Say whose clusters these are, from how many events, and how many belong to none."""
    return f"{found.candidate} · newest {found.window:,} events · {found.noise:.1%} in no cluster"


def key(id_: str) -> str:
    """Return the name of a cluster's colour."""
    return f"cluster-{(int(id_) - 1) % COLOURS + 1}" if id_.isdecimal() else "baseline-2"


def _group(it: Cluster, window: int) -> Group:
    before = "" if it.before is None else f", {it.before:.1%} before"
    return Group(
        id=str(it.id),
        key=key(str(it.id)),
        words=it.words,
        share=f"{it.share:.1%}",
        size=f"{it.size:,} of {window:,} events{before}",
        trend=TRENDS.get(it.trend, it.trend),
        tone=it.trend,
        since=words.minute(it.since),
        measures=[_measure(each) for each in list(it.features.values())[:SHOWN_FEATURES]],
        samples=[_sample(each) for each in it.samples],
    )


def _measure(it: Spread) -> Measure:
    own = _OWN_WORDS.fullmatch(it.wording)
    low, high = it.quantiles.get("0.1", it.mean), it.quantiles.get("0.9", it.mean)
    return Measure(
        name=own["rest"] if own else it.wording,
        mean=words.short(it.mean),
        overall=words.short(it.overall_mean),
        middle=words.short(low) if low == high else f"{words.short(low)} to {words.short(high)}",
        tone="far" if abs(it.apart) >= 1 else "",
    )


def _sample(event: dict[str, Any]) -> str:
    """Return an event as one line: its first fields that are not ids and hold something plain."""
    plain = {name: it for name, it in event.items() if isinstance(it, str | int | float) and not name.endswith("_id")}
    return " · ".join(f"{words.title(name)} {it}" for name, it in list(plain.items())[:SHOWN_FIELDS])


def history(found: Sequence[Sizes]) -> dict[str, Any]:
    """Return the chart's lines: each cluster's share of the events, in per cent, over time."""
    names = sorted({name for it in found for name in it.sizes}, key=_place)
    lines = {_line(name): [100 * it.sizes.get(name, 0) / it.events for it in found] for name in names}
    return {
        "at": [words.milliseconds(it.at) for it in found],
        "recent": lines,
        "overall": lines,
        "keys": {_line(name): key(name) for name in names},
    }


def _place(name: str) -> tuple[bool, int]:
    return (False, int(name)) if name.isdecimal() else (True, 0)


def _line(name: str) -> str:
    return f"Cluster {name}" if name.isdecimal() else "In no cluster"


def only(found: Clusters, ids: Iterable[int]) -> Clusters:
    """Return the clusters with the history of some of them only: those that are shown, and the noise."""
    kept = {"noise", *map(str, ids)}
    sizes = [
        msgspec.structs.replace(it, sizes={name: n for name, n in it.sizes.items() if name in kept})
        for it in found.history
    ]
    return msgspec.structs.replace(found, history=sizes)

"""What is told of clusters: how large each is, where it goes, and in words what sets it apart."""

from __future__ import annotations

import re
from typing import Any

import msgspec

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
APART = 0.3
"""From so many units of spread on a feature sets a cluster apart."""
STRONGEST = 3
"""Features that are named."""
PLAIN = "much like all others"

_OWN_WORDS = re.compile(r"(?P<low>[^/]+)/(?P<high>\S+) (?P<rest>.+)")


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """One feature within a cluster, beside all events.

    `apart` is the difference of the means in units of the spread (standard deviation) of all events. `quantiles` are by
    share, `0.5` the median.
    """

    wording: str
    mean: float
    spread: float
    quantiles: dict[str, float]
    overall_mean: float
    overall_spread: float
    apart: float


class Cluster(msgspec.Struct, frozen=True, kw_only=True):
    """One cluster: `size` is its events in the recent window, `share` theirs of all; `before` the share in the window before.

    `events` counts all it ever had since `since`, the first event's time. `features` are in the order of how far they set it
    apart, from its newest members; `samples` are events that were in it, the newest first.
    """

    id: int
    words: str
    size: int
    share: float
    before: float | None
    trend: str
    events: int
    since: str
    features: dict[str, Spread]
    samples: list[dict[str, Any]]


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """How many of some events were in each cluster, by id, those in none under `noise`. `at` is the stream's time then."""

    at: str
    events: int
    sizes: dict[str, int]


class Clusters(msgspec.Struct, frozen=True, kw_only=True):
    """All clusters of one candidate that have members lately, the largest first; how sizes went, the oldest first."""

    candidate: str
    noise: float
    window: int
    clusters: list[Cluster]
    history: list[Sizes]


def words(features: dict[str, Spread]) -> str:
    """Return what sets a cluster apart, the strongest first.

    >>> spread = dict(mean=9.0, spread=1.0, quantiles={}, overall_mean=3.0, overall_spread=2.0)
    >>> words({"views": Spread(wording="pages seen", apart=3.0, **spread)})
    'many pages seen'
    >>> words({"dwell": Spread(wording="short/long dwell", apart=-1.0, **spread)})
    'short dwell'
    """
    told = sorted((it for it in features.values() if abs(it.apart) >= APART), key=lambda it: -abs(it.apart))
    return ", ".join(phrase(it.wording, it.apart) for it in told[:STRONGEST]) or PLAIN


def phrase(wording: str, apart: float) -> str:
    """Return a feature's wording with the word for low or for high: few and many, unless the wording brings its own."""
    own = _OWN_WORDS.fullmatch(wording)
    if own is None:
        return f"{'many' if apart > 0 else 'few'} {wording}"
    return f"{own['high'] if apart > 0 else own['low']} {own['rest']}"


def trend(share: float, before: float | None) -> str:
    """Say where a share goes: a fifth more or less, and at least one in a hundred of all, is a change."""
    if before is None:
        return "new"
    if abs(share - before) < 0.01 or abs(share - before) < 0.2 * before:
        return "steady"
    return "growing" if share > before else "shrinking"

"""How those who compete stand: rows of a table, and lines of a chart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from apps.dashboard import words
from millrace.domain.metrics import badness
from millrace.domain.records import Score, Scorecard

COLOURS = {"challenger": 4, "baseline": 3}
ORDER = {"champion": 0, "challenger": 1, "baseline": 2, "suspended": 3}


@dataclass(frozen=True)
class Row:
    """One who competes. `tone` is `good` when it beats the champion, `bad` when it loses to it, else empty."""

    name: str
    role: str
    about: str
    recent: str
    overall: str
    versus: str
    tone: str
    others: str
    key: str
    """Its colour's name in the style sheet, the same in chart and tables."""


def rows(card: Scorecard, abouts: Mapping[str, str]) -> list[Row]:
    """Rank those who compete: the champion, challengers, baselines, the suspended; the better first within a role."""
    ranked = sorted(card.scores.items(), key=lambda it: (ORDER.get(it[1].role, 9), _rank(card.metric, it[1])))
    named = keys(card)
    like = max((it.recent.get(card.metric, 0.0) for it in card.scores.values()), default=0.0)
    return [_row(name, score, card.metric, abouts.get(name, ""), named[name], like) for name, score in ranked]


def keys(card: Scorecard) -> dict[str, str]:
    """Give each competitor a colour, by its role and its place among those of the role."""
    counts: Counter[str] = Counter()
    named = {}
    for name, score in card.scores.items():
        counts[score.role] += 1
        named[name] = f"{score.role}-{(counts[score.role] - 1) % COLOURS.get(score.role, 1) + 1}"
    return named


def _rank(metric: str, score: Score) -> float:
    return badness(metric, score.recent.get(metric, score.overall.get(metric)))


def _row(name: str, score: Score, metric: str, about: str, key: str, like: float) -> Row:
    versus = score.versus_champion
    return Row(
        name=name,
        role=score.role,
        about=about,
        recent=words.number(score.recent.get(metric), like=like),
        overall=words.number(score.overall.get(metric), like=like),
        versus="" if score.role == "champion" else words.change(versus, like=like),
        tone="" if not versus or score.role == "champion" else "good" if versus < 0 else "bad",
        others=" · ".join(
            f"{words.metric(it)} {words.number(value)}" for it, value in score.overall.items() if it != metric
        ),
        key=key,
    )


def point(card: Scorecard) -> dict[str, Any]:
    """Return one moment of the chart: milliseconds since 1970 on the stream's clock, and every score then."""
    return {
        "at": words.milliseconds(card.as_of),
        "recent": _values(card, "recent"),
        "overall": _values(card, "overall"),
        "keys": keys(card),
    }


def history(cards: Iterable[Scorecard]) -> dict[str, Any]:
    """Return the chart's lines so far: times, one list a competitor in both windows, and the newest colours."""
    points = [point(card) for card in cards]
    names = list(dict.fromkeys(name for it in points for name in it["keys"]))
    return {
        "at": [it["at"] for it in points],
        "recent": {name: [it["recent"].get(name) for it in points] for name in names},
        "overall": {name: [it["overall"].get(name) for it in points] for name in names},
        "keys": {name: key for it in points for name, key in it["keys"].items()},
    }


def _values(card: Scorecard, window: str) -> dict[str, float]:
    found = {name: getattr(score, window).get(card.metric) for name, score in card.scores.items()}
    return {name: float(f"{value:.5g}") for name, value in found.items() if value is not None}

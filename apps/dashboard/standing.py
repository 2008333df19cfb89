"""How those who compete stand: rows of a table, and lines of a chart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from apps.dashboard import words
from millrace.domain.records import Score, Scorecard

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
    labels: str


def rows(card: Scorecard, abouts: Mapping[str, str]) -> list[Row]:
    """Rank those who compete: the champion, challengers, baselines, the suspended; the better first within a role."""
    ranked = sorted(card.scores.items(), key=lambda it: (ORDER.get(it[1].role, 9), _rank(card.metric, it[1])))
    return [_row(name, score, card.metric, abouts.get(name, "")) for name, score in ranked]


def _rank(metric: str, score: Score) -> float:
    value = score.recent.get(metric, score.overall.get(metric))
    if value is None:
        return float("inf")
    return -value if metric in words.HIGHER_IS_BETTER else value


def _row(name: str, score: Score, metric: str, about: str) -> Row:
    versus = score.versus_champion
    return Row(
        name=name,
        role=score.role,
        about=about,
        recent=words.number(score.recent.get(metric)),
        overall=words.number(score.overall.get(metric)),
        versus="" if score.role == "champion" else words.change(versus),
        tone="" if not versus or score.role == "champion" else "good" if versus < 0 else "bad",
        others=" · ".join(f"{words.metric(it)} {words.number(value)}" for it, value in score.overall.items() if it != metric),
        labels=f"{score.labels:,}",
    )


def point(card: Scorecard) -> dict[str, Any]:
    """Return one moment of the chart: milliseconds since 1970 on the stream's clock, and every score then."""
    return {
        "at": words.milliseconds(card.as_of),
        "recent": _values(card, "recent"),
        "overall": _values(card, "overall"),
        "roles": {name: score.role for name, score in card.scores.items()},
    }


def history(cards: Iterable[Scorecard]) -> dict[str, Any]:
    """Return the chart's lines so far: times, one list a competitor in both windows, and the newest roles."""
    points = [point(card) for card in cards]
    names = list(dict.fromkeys(name for it in points for name in it["roles"]))
    return {
        "at": [it["at"] for it in points],
        "recent": {name: [it["recent"].get(name) for it in points] for name in names},
        "overall": {name: [it["overall"].get(name) for it in points] for name in names},
        "roles": {name: role for it in points for name, role in it["roles"].items()},
    }


def _values(card: Scorecard, window: str) -> dict[str, float]:
    found = {name: getattr(score, window).get(card.metric) for name, score in card.scores.items()}
    return {name: float(f"{value:.5g}") for name, value in found.items() if value is not None}

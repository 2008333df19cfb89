"""A use case at a glance: the card of the overview, which is also the head of its own page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from apps.dashboard import words
from apps.dashboard.replies import Detail
from millrace.domain.metrics import badness
from millrace.domain.records import Score, Scorecard

SPARK_WIDTH, SPARK_HEIGHT = 240, 48


@dataclass(frozen=True)
class Card:
    """What one sees of a use case first. Everything is text, ready to be shown; empty where there is nothing yet."""

    name: str
    question: str
    status: str
    """`ready`, `degraded` or `waiting`."""
    reason: str = ""
    champion: str = ""
    metric: str = ""
    unit: str = ""
    score: str = ""
    rival: str = ""
    rival_score: str = ""
    verdict: str = ""
    tone: str = ""
    state_id: str = ""
    short_state: str = ""
    until: str = ""
    moved: str = ""
    pace: str = ""
    events: str = ""
    serving: str = ""
    source: str = ""
    spark: str = ""


def card(
    detail: Detail,
    scorecards: Sequence[Scorecard],
    *,
    reason: str | None = None,
    moved: float = 0.0,
    pace: float | None = None,
) -> Card:
    """Make a use case's card.

    `moved` is how many seconds ago its state last changed, as seen from here; `pace` is predictions a second.
    """
    newest = scorecards[-1] if scorecards else None
    standing = _standing(detail, newest) if newest else {}
    why = detail.degraded or ("" if detail.ready else reason or "nothing has been published yet")
    return Card(
        name=detail.name,
        question=detail.question,
        status="degraded" if detail.ready and why else "ready" if detail.ready else "waiting",
        reason=why,
        champion=detail.champion or "",
        state_id=detail.state_id or "",
        short_state=words.state(detail.state_id, detail.name),
        until=words.minute(detail.trained_until) if detail.trained_until else "",
        moved=words.ago(moved) if detail.state_id else "",
        pace="" if pace is None else f"{pace:,.0f}" if pace >= 10 else f"{pace:.1f}",
        events=f"{newest.events:,}" if newest else "",
        serving={"live": "live state", "registered": "registered version"}.get(detail.serving_from or "", ""),
        source=_source(detail),
        spark=spark(scorecards, detail.champion or ""),
        **standing,
    )


def _source(detail: Detail) -> str:
    if detail.source is None:
        return ""
    words_ = [
        detail.source.about.rstrip("."),
        "replayed from a recording" if detail.source.replay else "",
        detail.source.licence,
    ]
    return " · ".join(it for it in words_ if it)


def _standing(detail: Detail, newest: Scorecard) -> dict[str, str]:
    """Word the champion's score and how it compares with the best baseline, over the same window."""
    metric = newest.metric
    champion = _value(newest.scores.get(detail.champion or ""), metric)
    base = {
        "metric": words.metric(metric),
        "unit": words.metric_unit(metric, detail.unit),
        "score": words.number(champion),
    }
    rivals = {name: _value(it, metric) for name, it in newest.scores.items() if it.role == "baseline"}
    known = {name: value for name, value in rivals.items() if value is not None}
    if champion is None or not known:
        return base
    rival = min(known, key=lambda name: badness(metric, known[name]))
    gain = words.better(metric, champion, known[rival])
    return {**base, "rival": rival, "rival_score": words.number(known[rival]), **_verdict(gain)}


def _verdict(gain: float) -> dict[str, str]:
    if abs(gain) < 0.0005:
        return {"verdict": "Level with the best baseline", "tone": "even"}
    return {
        "verdict": f"{abs(gain):.1%} {'better' if gain > 0 else 'worse'} than the best baseline",
        "tone": "good" if gain > 0 else "bad",
    }


def _value(score: Score | None, metric: str) -> float | None:
    return None if score is None else score.recent.get(metric, score.overall.get(metric))


def spark(scorecards: Sequence[Scorecard], champion: str, most: int = 60) -> str:
    """Return the champion's recent scores as the points of a small line, `x,y x,y …`; empty below three points."""
    every = max(1, len(scorecards) // most)
    values = [_value(it.scores.get(champion), it.metric) for it in scorecards[::-every][::-1]]
    known = [it for it in values if it is not None]
    if len(known) < 3:
        return ""
    low, high = min(known), max(known)
    height = (high - low) or 1.0
    step = SPARK_WIDTH / (len(known) - 1)
    return " ".join(
        f"{i * step:.1f},{3 + (SPARK_HEIGHT - 6) * (1 - (it - low) / height):.1f}" for i, it in enumerate(known)
    )

"""What is known of the platform, from the last look at its API."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from apps.dashboard import cards, standing
from apps.dashboard.replies import Clusters, Detail, Health, Listed, Published, Readiness, Version
from millrace.domain.records import Alarm, Scorecard

HISTORY = 300
"""How many scorecards a chart starts with."""
PACE_SPAN = 15.0
"""Seconds over which predictions a second are counted."""


@dataclass
class Watched:
    """A use case, as last seen. Times are seconds on the process's own clock."""

    detail: Detail
    readiness: Readiness | None = None
    metric: str = ""
    scorecards: list[Scorecard] = field(default_factory=list)
    predictions: list[Published] = field(default_factory=list)
    versions: list[Version] = field(default_factory=list)
    clusters: Clusters | None = None
    alarms: list[Alarm] = field(default_factory=list)
    example: dict[str, Any] | None = None
    moved_at: float = 0.0
    history_at: float | None = None
    versions_at: float | None = None
    _counts: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=120))

    def see(self, detail: Detail, readiness: Readiness | None, now: float) -> None:
        """Take a new look in; note when the state moved."""
        if not self.moved_at or detail.state_id != self.detail.state_id:
            self.moved_at = now
        self.detail = detail
        self.readiness = readiness

    def start(self, history: list[Scorecard], now: float) -> None:
        """Take the whole history in."""
        self.scorecards = history
        self.history_at = now
        if history:
            self._count(history[-1], now)

    def follow(self, newest: Scorecard, now: float) -> None:
        """Take the newest scorecard in. Fewer events than before are another epoch: what was counted ends."""
        if self.scorecards and newest.events < self.scorecards[-1].events:
            self._counts.clear()
            self.history_at = None
        if not self.scorecards or newest.state_id != self.scorecards[-1].state_id:
            self.scorecards.append(newest)
        self._count(newest, now)

    def _count(self, newest: Scorecard, now: float) -> None:
        self._counts.append((now, newest.events))
        while self._counts[0][0] < now - PACE_SPAN:
            self._counts.popleft()

    def pace(self) -> float | None:
        """Return predictions a second over the last seconds, or nothing before there were two looks."""
        if len(self._counts) < 2:
            return None
        (since, first), (now, last) = self._counts[0], self._counts[-1]
        return (last - first) / (now - since) if now - since >= 2 else None

    def card(self, now: float) -> cards.Card:
        """Return the use case at a glance."""
        reason = self.readiness.reason if self.readiness else None
        return cards.card(self.detail, self.scorecards, reason=reason, moved=now - self.moved_at, pace=self.pace())

    def rows(self) -> list[standing.Row]:
        """Return how those who compete stand now."""
        abouts = {it.name: it.about for it in self.detail.candidates}
        return standing.rows(self.scorecards[-1], abouts) if self.scorecards else []

    def history(self) -> dict[str, Any]:
        """Return the chart's lines."""
        return standing.history(self.scorecards)

    def point(self) -> dict[str, Any]:
        """Return the chart's newest moment."""
        return standing.point(self.scorecards[-1]) if self.scorecards else {}


@dataclass
class Known:
    """The platform, as last seen. `away` says why the API did not answer, empty when it did."""

    away: str = ""
    looked: bool = False
    ready: bool = False
    health: Health | None = None
    use_cases: dict[str, Watched] = field(default_factory=dict)

    def status(self) -> tuple[str, str]:
        """Return the platform's state in a word for the colour, and in words."""
        if not self.looked:
            return "waiting", "Connecting"
        if self.away:
            return "away", "API away"
        ready = sum(it.detail.ready for it in self.use_cases.values())
        if not self.use_cases:
            return "waiting", "No use case"
        if ready < len(self.use_cases):
            return "waiting", f"{ready} of {len(self.use_cases)} ready"
        if any(it.detail.degraded for it in self.use_cases.values()):
            return "degraded", "Degraded"
        return "ready", "All ready"

    def registered(self) -> set[str]:
        """Return the use cases that are served from registered versions because that is what was wanted."""
        details = {name: it.detail for name, it in self.use_cases.items()}
        return {name for name, it in details.items() if it.serving_from == "registered" and not it.degraded}

    def keep(self, listed: list[Listed]) -> None:
        """Forget use cases the API no longer lists, and keep its order."""
        self.use_cases = {it.name: self.use_cases[it.name] for it in listed if it.name in self.use_cases}

"""What a rehearsal found."""

from __future__ import annotations

import msgspec

from millrace.domain.records import Alarm


class CandidateReport(msgspec.Struct, frozen=True):
    """How one candidate did by the metric that ranks, overall and over the recent window, and all metrics overall.

    A value is `None` where the metric cannot be said: before the first label, or without a yes among them.
    """

    metric: str
    overall: float | None
    recent: float | None
    metrics: dict[str, float]
    suspended: str | None = None


class Month(msgspec.Struct, frozen=True):
    """One month of the stream: labels settled in it and each contestant's metric over them alone."""

    month: str
    labels: int
    scores: dict[str, float]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a rehearsal. Scores are of `metric`, in `unit` where it has one."""

    use_case: str
    question: str
    metric: str
    higher_is_better: bool
    unit: str
    events: int
    labels: int
    seconds: float
    events_per_second: float
    champion: str | None
    state_id: str
    digest: str
    dead_letters: int
    baselines: dict[str, float | None]
    candidates: dict[str, CandidateReport]
    months: list[Month]
    alarms: list[Alarm]
    counters: dict[str, int]

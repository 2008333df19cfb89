"""What a rehearsal found."""

from __future__ import annotations

import msgspec


class CandidateReport(msgspec.Struct, frozen=True):
    """How one candidate did: overall and over its last 1,000 labels, by the use case's first metric, and all metrics."""

    metric: str
    overall: float
    recent: float
    metrics: dict[str, float]
    suspended: str | None = None


class Month(msgspec.Struct, frozen=True):
    """One month of the stream: labels settled in it and each contestant's mean loss over them."""

    month: str
    labels: int
    scores: dict[str, float]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a rehearsal. Scores are in the target's unit (for a classification, log loss); lower is better."""

    use_case: str
    question: str
    metric: str
    unit: str
    events: int
    labels: int
    seconds: float
    events_per_second: float
    champion: str | None
    state_id: str
    digest: str
    dead_letters: int
    baselines: dict[str, float]
    candidates: dict[str, CandidateReport]
    months: list[Month]
    counters: dict[str, int]

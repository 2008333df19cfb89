"""What a rehearsal found."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from millrace.domain.records import Alarm

ORACLE = "oracle"


class IntervalReport(msgspec.Struct, frozen=True):
    """How the intervals about one candidate's predictions did, over `labels` truths.

    `coverage` is the share they held, to be compared with the share `stated`; `recent` that over the recent window; `width`
    their mean width, in the target's unit.
    """

    stated: float
    coverage: float
    recent: float
    width: float
    labels: int


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


class Stretch(msgspec.Struct, frozen=True):
    """Some thousand settled labels, up to the `until`-th, and each contestant's metric (and the oracle's) over them alone."""

    until: int
    labels: int
    scores: dict[str, float]


class Period(NamedTuple):
    """One row of the table, one point of the chart."""

    name: str
    labels: int
    scores: dict[str, float]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a rehearsal. Scores are of `metric`, in `unit` where it has one.

    Of a simulated stream there are also the `oracle`'s score on the same labels, the `course` in stretches, and the `drifts`
    with the events they began at. `intervals` are there, by candidate, where the task asks for them.
    """

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
    course: list[Stretch] = []
    oracle: float | None = None
    drifts: dict[str, int] = {}
    intervals: dict[str, IntervalReport] = {}

    @property
    def contestants(self) -> list[str]:
        """Who was scored: candidates, baselines, and the oracle where there is one."""
        return [*self.candidates, *self.baselines, *(() if self.oracle is None else (ORACLE,))]

    @property
    def periods(self) -> list[Period]:
        """Return what the scores are shown by: stretches of a simulated stream, months of a recorded one."""
        if self.course:
            return [Period(f"{it.until:,}", it.labels, it.scores) for it in self.course]
        return [Period(it.month, it.labels, it.scores) for it in self.months]

    @property
    def by(self) -> str:
        """Say what the periods are."""
        return "label" if self.course else "month"

"""Live views of one use case, as plain types: what was answered and what turned out, by window and by segment.

Views are views: rebuilt from the log, kept in the online store for whoever looks. The journal is the truth.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from millrace.domain.records import Scorecard


class View(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of everything that is shown."""


class Cell(View, frozen=True, kw_only=True):
    """What was answered for events of one window, of one segment or of all, and what turned out.

    `mean` is that of the answers (not of clusters' numbers, which mean nothing on average: `groups` counts those), and
    `positive` the share of them from which one acts. `truths` is how many of the answers met their truth, `truth_mean` the
    mean of it (the share of yes). `error` is the mean absolute error of a regression's answers, and the Brier score of a
    classification's (Brier 1950): the mean square of what the probability missed the truth by.
    """

    answers: int
    mean: float | None = None
    positive: float | None = None
    groups: dict[str, int] = {}
    truths: int
    truth_mean: float | None = None
    error: float | None = None


class Window(View, frozen=True, kw_only=True):
    """The events that occurred from `start` on, for as long as the window is.

    `segments` are those of the entities (the event's key) with the most answers, `others` all the rest. `scores` is how
    those who compete stood at the last scorecard of the window, over their recent events.
    """

    start: datetime
    all: Cell
    segments: dict[str, Cell] = {}
    others: Cell | None = None
    scores: dict[str, float] = {}


class NewAnswer(View, frozen=True, kw_only=True):
    """One of the newest answers, with its truth once that is known."""

    event_id: str
    key: str
    occurred_at: datetime
    made_at: datetime
    state_id: str
    value: float | None = None
    truth: float | str | None = None


class NewTruth(View, frozen=True, kw_only=True):
    """One of the newest truths, with what was answered where that is still remembered."""

    event_id: str
    known_at: datetime
    truth: float | str
    value: float | None = None


class Views(View, frozen=True, kw_only=True):
    """All live views of one use case; windows, answers and truths come newest first.

    `stream_time` is the newest time an event occurred at; `metric` is what `scores` and the scorecard rank by.
    """

    use_case: str
    task: str
    unit: str
    updated_at: datetime
    stream_time: datetime | None = None
    metric: str | None = None
    minutes: list[Window] = []
    hours: list[Window] = []
    answers: list[NewAnswer] = []
    truths: list[NewTruth] = []
    scorecard: Scorecard | None = None

"""What is written to topics, as plain types. JSON on the wire; times are RFC 3339, `None` is left out."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

Positions = dict[str, int]
"""Next offset to read, by `topic:partition`."""


class Wire(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of everything written to a topic."""


class Prediction(Wire, frozen=True, kw_only=True):
    """What the trainer foresaw for one event before learning from it. Topic `<use-case>.predictions`.

    `value` is the champion's: the number itself for a regression, the probability of yes for a classification.
    `by_candidate` has one value a candidate and baseline that gave one. `state_id` names the state that made it; the
    record's Kafka timestamp is when it was made.
    """

    event_id: str
    key: str
    occurred_at: datetime
    state_id: str
    champion: str
    value: float | None
    by_candidate: dict[str, float]


Role = Literal["champion", "challenger", "baseline", "suspended"]
"""What one who competes is now."""


class Score(Wire, frozen=True, kw_only=True):
    """One candidate's or baseline's prequential metrics.

    `overall` and `recent` map metric names (`mae`, `average_precision`, …) to values: over everything, and over the recent
    window; which way each is better is said in `domain.metrics`. `versus_champion` is the mean of its loss (absolute
    error, or log loss) minus the champion's on the same recent events: below 0, it is better.
    """

    role: Role
    labels: int
    overall: dict[str, float]
    recent: dict[str, float]
    versus_champion: float | None = None


class Scorecard(Wire, frozen=True, kw_only=True):
    """How all who compete stand at one state, and how many alarms there were. Topic `<use-case>.scorecards`."""

    state_id: str
    as_of: str
    events: int
    labels: int
    metric: str
    scores: dict[str, Score]
    alarms: int = 0


class Alarm(Wire, frozen=True, kw_only=True):
    """Something does what it did not do before. Topic `<use-case>.alarms`.

    `what` has drifted: a `feature`, the champion's `prediction`, or a candidate's `error`; `name` says which. `value` is what
    the detector found and `threshold` what it had to pass; `also` holds what else moved at once, with its value. `event` is how
    many events had been met, `at` the stream's time.
    """

    state_id: str
    at: str
    event: int
    what: Literal["feature", "prediction", "error"]
    name: str
    detector: Literal["psi", "page-hinkley"]
    value: float
    threshold: float
    also: dict[str, float] = {}


class DeadLetter(Wire, frozen=True, kw_only=True):
    """A record that could not be used. Topic `<use-case>.dead-letters`; its value is kept as base64, as much as fits."""

    reason: str
    detail: str
    topic: str
    partition: int
    offset: int
    key: str | None = None
    value: bytes | None = None


class Genesis(Wire, frozen=True, kw_only=True, tag_field="kind", tag="genesis"):
    """Opens an epoch."""

    epoch: int
    chain: str
    cluster_id: str
    topics: dict[str, str]
    partitions: dict[str, int]
    use_case_hash: str
    environment: dict[str, str]
    seed: int
    why: str
    parent: str | None = None
    checkpoint: str | None = None
    digest: str | None = None
    positions: Positions = {}


class Batch(Wire, frozen=True, kw_only=True, tag_field="kind", tag="batch"):
    """What was processed: ranges `[first, next)` by `topic:partition`. `passed` names idle partitions not waited for."""

    epoch: int
    previous: int
    chain: str
    ranges: dict[str, tuple[int, int]]
    counters: dict[str, int]
    passed: list[str] = []
    time: str | None = None


class CheckpointEntry(Wire, frozen=True, kw_only=True, tag_field="kind", tag="checkpoint"):
    """A checkpoint of the state after entry `of` is kept under `key`; `digest` is that state's."""

    epoch: int
    previous: int
    chain: str
    of: int
    key: str
    digest: str


class CommandEntry(Wire, frozen=True, kw_only=True, tag_field="kind", tag="command"):
    """A command that was obeyed or refused."""

    epoch: int
    previous: int
    chain: str
    command: dict[str, Any]
    topic: str
    offset: int


Entry = Genesis | Batch | CheckpointEntry | CommandEntry

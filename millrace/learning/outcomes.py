"""What comes of a fact. Outcomes become records; nothing else leaves the loop."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NamedTuple

from millrace.domain.records import Scorecard
from millrace.domain.times import Micros
from millrace.domain.usecase import Features
from millrace.learning.contest import Foreseen
from millrace.learning.drift import Found


class Foreseeing(NamedTuple):
    """An event was met: what everyone predicted. `step` is how many records came before it in its batch."""

    event_id: str
    key: str
    occurred_at: datetime
    champion: str | None
    foreseen: Foreseen
    features: Features
    step: int


class Refusal(NamedTuple):
    """A record could not be used. `step` is its place in the batch."""

    reason: str
    detail: str
    step: int


class Scored(NamedTuple):
    """Enough labels were settled for a new scorecard: how all stand now. Its state id is not known here."""

    card: Scorecard
    step: int


class Suspended(NamedTuple):
    """A candidate raised and is out."""

    candidate: str
    reason: str


class Alarmed(NamedTuple):
    """Something has drifted. `event` is how many events had been met, `at` the stream's time."""

    found: Found
    event: int
    at: Micros
    step: int


Outcome = Foreseeing | Refusal | Scored | Suspended | Alarmed


class Unreadable(NamedTuple):
    """In place of a fact: a record that is none, and why."""

    reason: Literal["undecodable", "invalid", "future", "too-large", "empty"]
    detail: str


class Skipped(NamedTuple):
    """In place of a fact: a record the use case's source passes over, why, and when it could be known (0: it does not say)."""

    why: str
    time: Micros = 0

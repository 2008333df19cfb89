"""Figures of health as the overview shows them: text, ready to be shown; a dash where nobody tells."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from math import inf

from apps.dashboard.replies import Figures, Health
from apps.dashboard.words import NOTHING

STALE = 30.0
"""Seconds after which a served state is old: the alert's own limit."""
UNSAVED = 300.0
"""Seconds after which a checkpoint is old: likewise."""


@dataclass(frozen=True)
class Flow:
    """How one use case flows. `state_tone` and `checkpoint_tone` are `bad` where an age is beyond its limit."""

    name: str
    predictions: str
    training_samples: str
    lag: str
    state_age: str
    checkpoint_age: str
    dead_letters: str
    state_tone: str = ""
    checkpoint_tone: str = ""


def flows(health: Health, registered: Collection[str] = ()) -> list[Flow]:
    """Return a line for each use case; those in `registered` are served from versions, which are minutes old."""
    return [_flow(name, it, fresh=name not in registered) for name, it in health.use_cases.items()]


def missing(health: Health) -> str:
    """Say how many parts did not answer; empty when all did."""
    away = health.parts - health.answering
    return f"{away} of {health.parts} trainers did not answer" if away else ""


def _flow(name: str, it: Figures, *, fresh: bool) -> Flow:
    # Where nothing flows there is nothing new to serve or to save, and an age is no fault.
    unsaved = UNSAVED if it.predictions_per_s else inf
    stale = STALE if it.predictions_per_s and fresh else inf
    return Flow(
        name=name,
        predictions=rate(it.predictions_per_s),
        training_samples=rate(it.training_samples_per_s),
        lag=count(it.lag_records),
        state_age=_age(it.state_age_s, stale),
        checkpoint_age=_age(it.checkpoint_age_s, unsaved),
        dead_letters=count(it.dead_letters),
        state_tone=_tone(it.state_age_s, stale),
        checkpoint_tone=_tone(it.checkpoint_age_s, unsaved),
    )


def _age(age: float | None, limit: float) -> str:
    """Write an age; never does the colour alone say that it is too old."""
    return f"{duration(age)}, old" if _tone(age, limit) else duration(age)


def _tone(age: float | None, limit: float) -> str:
    return "bad" if age is not None and age > limit else ""


def rate(value: float | None) -> str:
    """Write how many a second.

    >>> rate(1234.5), rate(2.34), rate(None)
    ('1,234', '2.3', '–')
    """
    if value is None:
        return NOTHING
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def count(value: int | None) -> str:
    """Write how many.

    >>> count(12345), count(None)
    ('12,345', '–')
    """
    return NOTHING if value is None else f"{value:,}"


def duration(seconds: float | None) -> str:
    """Write for how long.

    >>> duration(0.84), duration(42.3), duration(400), duration(9000), duration(None)
    ('0.8 s', '42 s', '7 min', '2.5 h', '–')
    """
    if seconds is None:
        return NOTHING
    if seconds < 120:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3_600:.1f} h"

"""When things happen in simulated streams: so many a day of the week, spread over its hours."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random

HOURS = range(24)


def before(week: Sequence[int], day: int) -> int:
    """Return how many events lie before a day, when the days of a week have so many each."""
    weeks, rest = divmod(day, len(week))
    return weeks * sum(week) + sum(week[:rest])


def moments(rng: Random, begins: datetime, count: int, hours: Sequence[float]) -> list[datetime]:
    """Return `count` moments of the day that begins, in order, spread as the weights of its hours say."""
    drawn = sorted(hour + rng.random() for hour in rng.choices(HOURS, hours, k=count))
    return [begins + timedelta(microseconds=int(hour * 3_600_000_000)) for hour in drawn]


def hour_of(at: datetime) -> float:
    """Return the hour of the day with its fraction."""
    return at.hour + at.minute / 60

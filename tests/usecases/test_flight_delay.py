"""The real flights: label times and time zones."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from millrace.usecases.flight_delay import Arrival, Departure, facts

ROW = {
    "year": "2013", "month": "7", "day": "1", "dep_delay": "5", "arr_delay": "-7", "carrier": "UA", "flight": "1",
    "tailnum": "N1", "origin": "EWR", "distance": "100", "minute": "0",
}  # fmt: skip
AIRPORTS = [
    {"faa": "PHX", "tz": "-7", "dst": "N"},
    {"faa": "DEN", "tz": "-7", "dst": "A"},
    {"faa": "LAX", "tz": "-8", "dst": "A"},
]


def departure(dest: str, leaves: str, arrives: str, day: str = "1", month: str = "7") -> Departure:
    row = {
        **ROW,
        "dest": dest,
        "time_hour": leaves,
        "sched_dep_time": "0",
        "sched_arr_time": arrives,
        "day": day,
        "month": month,
    }
    found = list(facts({"flights": [row], "weather": [], "airports": AIRPORTS}))
    assert isinstance(found[0], Departure)
    assert isinstance(found[1], Arrival)
    assert found[1].known_at == found[0].scheduled_arrival - timedelta(minutes=7)
    return found[0]


@pytest.mark.parametrize(
    ("dest", "leaves", "arrives", "expected"),
    [
        ("DEN", "2013-07-01T16:00:00Z", "1400", "2013-07-01T20:00:00Z"),  # summer time: 14:00 is 20:00 UTC
        ("PHX", "2013-07-01T16:00:00Z", "1400", "2013-07-01T21:00:00Z"),  # Phoenix keeps none
        ("SJU", "2013-07-01T16:00:00Z", "1600", "2013-07-01T20:00:00Z"),  # not in the list: four hours, none
        ("LAX", "2013-07-02T02:00:00Z", "130", "2013-07-02T08:30:00Z"),  # after midnight: the next day
    ],
)
def test_each_airport_keeps_its_own_time(dest: str, leaves: str, arrives: str, expected: str) -> None:
    """Scheduled arrivals are wall clocks at the destination."""
    assert departure(dest, leaves, arrives).scheduled_arrival == datetime.fromisoformat(expected)


@pytest.mark.parametrize(("month", "day", "hours"), [("3", "9", 7), ("3", "10", 6), ("11", "2", 6), ("11", "3", 7)])
def test_summer_time_begins_and_ends(month: str, day: str, hours: int) -> None:
    """Second Sunday of March, first Sunday of November."""
    found = departure("DEN", f"2013-{month:0>2}-{day:0>2}T11:00:00Z", "1200", day=day, month=month)
    assert found.scheduled_arrival.hour == 12 + hours


def test_a_cancelled_flight_is_no_event_and_a_diverted_one_has_no_label() -> None:
    """Only what left the gate is asked about; only what arrived has a truth."""
    common = {
        **ROW,
        "dest": "DEN",
        "time_hour": "2013-07-01T16:00:00Z",
        "sched_dep_time": "1200",
        "sched_arr_time": "1400",
    }
    rows = [{**common, "dep_delay": "NA", "arr_delay": "NA"}, {**common, "arr_delay": "NA"}]
    found = list(facts({"flights": rows, "weather": [], "airports": AIRPORTS}))
    assert [type(it) for it in found] == [Departure]

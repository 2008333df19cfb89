"""A simulated city: zones with their own speeds, rush hours, weather, drivers with habits, and incidents nobody reports.

None of these hidden causes leaves this module but for the oracle's prediction, which knows all of them but chance.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from math import cos, exp, pi
from random import Random
from typing import Any, Literal, NamedTuple

from millrace import Drifts, Happened, Location
from millrace.usecases._calendar import before, hour_of, moments

BEGINS = datetime(2025, 3, 3, tzinfo=UTC)
WEEK = (7_600, 7_700, 7_900, 8_100, 8_800, 7_100, 5_800)
"""Trips by day of the week; the first day is a Monday."""
WORKDAY = (2, 1, 1, 1, 2, 4, 8, 13, 15, 11, 9, 9, 10, 10, 10, 11, 13, 15, 14, 11, 8, 7, 5, 3)
WEEKEND = (8, 7, 5, 4, 2, 2, 2, 3, 4, 6, 8, 10, 11, 11, 11, 11, 11, 11, 12, 12, 11, 11, 11, 9)

Weather = Literal["clear", "rain", "snow", "fog"]
Vehicle = Literal["car", "van", "motorbike", "electric_bike"]

ROWS, COLUMNS = 5, 6
SOUTH, WEST, HEIGHT, WIDTH = 52.40, 13.20, 0.04, 0.06
"""The city's south-western corner and the size of a zone, in degrees."""
DRIVERS = 300
NOISE = 0.10
"""Spread of what nobody can know of one trip, as a share of it."""
LOST = 0.02
"""Share of trips whose end is never reported."""
SLOW_REPORT = 0.01
"""Share of trips whose end is reported hours later."""
SLOWEST_REPORT = timedelta(hours=44)

SCENARIOS = {
    "road-works": "In a third of the zones one gets along 45 % slower; the initial estimates know nothing of it.",
    "new-estimator": "The initial estimates come from another service: a third longer, with two minutes on top.",
    "heavy-snow": "It snows day and night, and wet zones come to a crawl.",
}
SPEED_OF: dict[str, float] = {"car": 1.0, "van": 0.88, "motorbike": 1.18, "electric_bike": 0.62}
SLOWED_BY: dict[str, float] = {"clear": 0.0, "rain": 0.5, "fog": 0.4, "snow": 1.2}


class Zone(NamedTuple):
    """How one gets along in a zone: km/h when it is free, what rush hours and weather take of it, seconds lost at a door."""

    free: float
    rush: float
    wet: float
    door: float
    works: bool


class Driver(NamedTuple):
    """Who drives: a habit (1 is usual, more is slower), a rating that hints at it, a vehicle, a zone and a shift."""

    name: str
    vehicle: str
    kind: Vehicle
    habit: float
    rating: float
    home: int
    shift: int


class Incident(NamedTuple):
    """Something on the road that nobody reports: where, when, and how many times longer it takes."""

    zone: int
    starts: float
    ends: float
    slower: float


class City:
    """One city, made from a seed."""

    def __init__(self, seed: int, trip: Any, ended: Any) -> None:
        rng = Random(f"city {seed}")  # noqa: S311 - a simulation
        self._seed = seed
        self._trip, self._ended = trip, ended
        self._zones = [_zone(rng, place) for place in range(ROWS * COLUMNS)]
        self._drivers = [_driver(rng, number) for number in range(DRIVERS)]
        self._on_shift = [[it for it in self._drivers if (hour - it.shift) % 24 < 9] for hour in range(24)]

    def day(self, day: int, drifts: Drifts) -> Iterator[Happened]:
        """Yield the trips of a day in order."""
        rng = Random(f"city {self._seed} day {day}")  # noqa: S311 - a simulation
        begins = BEGINS + timedelta(days=day)
        weekend = begins.weekday() >= 5
        incidents = [_incident(rng) for _ in range(rng.randint(4, 9))]
        sky = [_sky(rng, day) for _ in range(8)]
        where = {it.name: it.home for it in self._drivers}
        hours = WEEKEND if weekend else WORKDAY
        for number, at in enumerate(moments(rng, begins, WEEK[day % 7], hours), before(WEEK, day)):
            driver = rng.choice(self._on_shift[at.hour])
            start, end = where[driver.name], _towards(rng, where[driver.name])
            where[driver.name] = end
            weather, warmth = sky[at.hour // 3]
            if drifts.holds("heavy-snow", number):
                weather, warmth = "snow", -3.0
            holds = (drifts.holds("road-works", number), drifts.holds("new-estimator", number))
            yield self._drive(rng, number, at, driver, (start, end), (weather, warmth), incidents, holds)

    def _drive(
        self,
        rng: Random,
        number: int,
        at: datetime,
        driver: Driver,
        leg: tuple[int, int],
        sky: tuple[Weather, float],
        incidents: list[Incident],
        holds: tuple[bool, bool],
    ) -> Happened:
        origin, destination = _within(rng, leg[0]), _within(rng, leg[1])
        km = round(max(0.4, origin.km_to(destination) * 1.35 * exp(rng.gauss(0, 0.05))), 2)
        hour, weather = hour_of(at), sky[0]
        rush = _rush(hour) * (0.25 if at.weekday() >= 5 else 1.0)
        pace = sum(1 / self._speed(zone, rush, weather, hour, incidents, works=holds[0]) for zone in leg) / 2
        expected = (self._zones[leg[1]].door + 3600 * km * pace / SPEED_OF[driver.kind]) * driver.habit
        estimate = 60 + 3600 * km / 36
        trip = self._trip(
            occurred_at=at,
            trip_id=f"t{number}",
            driver_id=driver.name,
            vehicle_id=driver.vehicle,
            origin=origin,
            destination=destination,
            estimated_distance_km=km,
            weather=weather,
            temperature_celsius=round(sky[1] + 4 * cos((hour - 15) * pi / 12), 1),
            day_of_week=at.weekday(),
            hour_of_day=at.hour,
            driver_rating=driver.rating,
            vehicle_type=driver.kind,
            initial_estimated_travel_time_seconds=round(1.33 * estimate + 120 if holds[1] else estimate, 1),
        )
        seconds = round(max(30.0, expected * exp(rng.gauss(0, NOISE))), 1)
        return Happened(trip, expected, self._report(rng, trip, seconds))

    def _report(self, rng: Random, trip: Any, seconds: float) -> Any:
        chance = rng.random()
        if chance < LOST:
            return None
        later = rng.uniform(1, 18) * 3600 if chance < LOST + SLOW_REPORT else rng.uniform(1, 20)
        known = trip.occurred_at + timedelta(seconds=round(seconds + later, 3))
        return self._ended(known_at=known, trip_id=trip.trip_id, driver_id=trip.driver_id, travel_time_seconds=seconds)

    def _speed(
        self, place: int, rush: float, weather: Weather, hour: float, incidents: list[Incident], *, works: bool
    ) -> float:
        zone = self._zones[place]
        speed = zone.free * (1 - zone.rush * rush) * (1 - zone.wet * SLOWED_BY[weather])
        if works and zone.works:
            speed *= 0.55
        for it in incidents:
            if it.zone == place and it.starts <= hour < it.ends:
                speed /= it.slower
        return speed


def _zone(rng: Random, place: int) -> Zone:
    row, column = divmod(place, COLUMNS)
    central = 1 - (abs(row - 2) / 2 + abs(column - 2.5) / 2.5) / 2
    return Zone(
        free=rng.uniform(34, 54) - 14 * central,
        rush=min(0.7, rng.uniform(0.05, 0.45) + 0.2 * central),
        wet=rng.uniform(0.05, 0.45),
        door=rng.uniform(40, 130) + 120 * central,
        works=rng.random() < 1 / 3,
    )


def _driver(rng: Random, number: int) -> Driver:
    habit = exp(rng.gauss(0, 0.14))
    kinds: tuple[Vehicle, ...] = ("car", "van", "motorbike", "electric_bike")
    return Driver(
        name=f"d{number:03}",
        vehicle=f"v{number:03}",
        kind=rng.choices(kinds, (60, 20, 10, 10))[0],
        habit=habit,
        rating=round(min(5.0, max(3.5, 4.5 - 1.2 * (habit - 1) + rng.gauss(0, 0.2))), 1),
        home=rng.randrange(ROWS * COLUMNS),
        shift=rng.choices(range(24), WORKDAY[2:] + WORKDAY[:2])[0],
    )


def _incident(rng: Random) -> Incident:
    starts = rng.uniform(5, 21)
    return Incident(rng.randrange(ROWS * COLUMNS), starts, starts + rng.uniform(0.7, 4), rng.uniform(1.3, 2.2))


def _sky(rng: Random, day: int) -> tuple[Weather, float]:
    warmth = 10 - 11 * cos((day + 60) * 2 * pi / 365) + rng.gauss(0, 2.5)
    weather: Weather = rng.choices(("clear", "rain", "fog"), (65, 27, 8))[0]
    return ("snow" if weather == "rain" and warmth < 1.5 else weather), warmth


def _towards(rng: Random, start: int) -> int:
    """Return where a trip goes: mostly to a zone that is not far."""
    row, column = divmod(start, COLUMNS)
    to_row = min(ROWS - 1, max(0, row + round(rng.gauss(0, 1.3))))
    to_column = min(COLUMNS - 1, max(0, column + round(rng.gauss(0, 1.5))))
    return to_row * COLUMNS + to_column


def _within(rng: Random, place: int) -> Location:
    row, column = divmod(place, COLUMNS)
    return Location(round(SOUTH + HEIGHT * (row + rng.random()), 5), round(WEST + WIDTH * (column + rng.random()), 5))


def _rush(hour: float) -> float:
    """Return how much rush hour it is, from 0 to 1: before half past eight, and about half past five."""
    return exp(-((hour - 8.2) ** 2) / 2) + exp(-((hour - 17.4) ** 2) / 4)

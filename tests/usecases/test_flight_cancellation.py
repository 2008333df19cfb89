"""The real flights, cancelled or not: what may be known, and the figure to beat."""

from __future__ import annotations

from datetime import datetime, timedelta

from sklearn.metrics import average_precision_score, roc_auc_score  # type: ignore[import-untyped]

from millrace.adapters.archive.recorded import load
from millrace.domain.facts import Event
from millrace.learning.classification import ClassificationScore
from millrace.rehearsal import rehearse
from millrace.usecases.flight_cancellation import Outcome, ScheduledDeparture, facts, flight_cancellation

ROW = {
    "year": "2013", "month": "7", "day": "1", "carrier": "UA", "flight": "1", "tailnum": "N1", "origin": "EWR", "dest": "DEN",
    "distance": "1605", "minute": "30", "time_hour": "2013-07-01T16:00:00Z", "sched_dep_time": "1230", "sched_arr_time": "1400",
    "dep_time": "1400", "dep_delay": "90", "arr_delay": "80",
}  # fmt: skip
CANCELLED = {**ROW, "dep_time": "NA", "dep_delay": "NA", "arr_delay": "NA", "tailnum": "NA"}
WEATHER = [
    {
        "origin": "EWR",
        "time_hour": "2013-07-01T16:00:00Z",
        "temp": "80",
        "wind_speed": "12",
        "precip": "0.1",
        "visib": "8",
    }
]


def read(*rows: dict[str, str]) -> list[Event | Outcome]:
    airports = [{"faa": "DEN", "tz": "-7", "dst": "A"}]
    return list(facts({"flights": rows, "weather": WEATHER, "airports": airports}))  # type: ignore[arg-type]


def test_it_is_asked_at_the_scheduled_departure_and_known_an_hour_later() -> None:
    """Whether the flight leaves late or never is not known when it is asked."""
    flown, outcome = read(ROW)
    assert isinstance(flown, ScheduledDeparture)
    assert flown.occurred_at == datetime.fromisoformat("2013-07-01T16:30:00Z")
    assert isinstance(outcome, Outcome)
    assert outcome.known_at - flown.occurred_at == timedelta(minutes=60)


def test_nothing_in_the_event_tells_a_cancelled_flight_from_one_that_flew() -> None:
    """Not even the tail number, which the recording often lacks of those that were cancelled."""
    (flown, flew), (grounded, fell) = read(ROW), read(CANCELLED)
    assert flown == grounded
    assert (flew.cancelled, fell.cancelled) == (False, True)  # type: ignore[union-attr]


def test_ranking_from_bins_is_as_good_as_exact_on_the_real_stream() -> None:
    """Two months with a storm: the champion's, and the baselines' with their many ties, within 0.002 of scikit-learn's."""
    source = flight_cancellation.source
    assert source is not None
    pairs: dict[str, tuple[list[float], list[float]]] = {}

    stream = load(source)[:104_000]
    add = ClassificationScore.add

    def noted(self: ClassificationScore, predicted: float, truth: float) -> float:
        kept = pairs.setdefault(str(id(self)), ([], []))
        kept[0].append(predicted)
        kept[1].append(truth)
        return add(self, predicted, truth)

    ClassificationScore.add = noted  # type: ignore[method-assign]
    try:
        report = rehearse(flight_cancellation, stream)
    finally:
        ClassificationScore.add = add  # type: ignore[method-assign]
    overall = [*(it.overall for it in report.candidates.values()), *report.baselines.values()]
    for found, (p, y) in zip(overall, pairs.values(), strict=True):
        assert found is not None
        assert abs(found - average_precision_score(y, p)) < 0.002
    assert (
        abs(report.candidates["logistic"].metrics["roc_auc"] - roc_auc_score(*reversed(next(iter(pairs.values())))))
        < 0.002
    )
    assert (report.candidates["logistic"].overall or 0.0) > 0.35

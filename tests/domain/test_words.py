"""The words as types."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace import Candidate, Event, Id, Key, Label, Of, Profiles, Regression, Truth, UseCase, decayed_mean
from millrace.domain.errors import Refused, UseCaseError
from millrace.domain.state_id import StateId
from millrace.domain.times import SECOND, micros, moment, rfc3339, span
from tests.trainer.world import Delivered, Parcel, Seen, features, parcels


@given(st.integers(0, 10), st.integers(1, 99), st.integers(0, 2**60), st.none() | st.integers(0, 9_999))
def test_a_state_id_reads_as_it_is_written(shard: int, epoch: int, offset: int, after: int | None) -> None:
    """Text and back."""
    it = StateId("a-use-case", shard, epoch, offset, after)
    assert StateId.parse(str(it)) == it


@pytest.mark.parametrize("text", ["", "x", "x.1.2", "X.0.1.2", "x.0.1.2~", "x.0.1.-2", "../x.0.1.2"])
def test_what_is_no_state_id_is_refused(text: str) -> None:
    """With the form it should have."""
    with pytest.raises(Refused, match="not a state id"):
        StateId.parse(text)


@given(st.integers(0, 4_102_444_800 * SECOND))
def test_times_keep_their_microseconds(at: int) -> None:
    """Inside, as datetime and on the wire."""
    from datetime import datetime

    assert micros(moment(at)) == at
    assert micros(datetime.fromisoformat(rfc3339(at))) == at


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("1h30m", 5400), ("2d", 172_800), ("0.5h", 1800), ("250ms", 0.25)]
)
def test_durations_read(text: str, seconds: float) -> None:
    """Numbers with units."""
    assert span(text) == seconds * SECOND


@pytest.mark.parametrize("text", ["", "5", "h", "5 h", "-5h", "5y", "0s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """With what it should look like."""
    with pytest.raises(UseCaseError):
        span(text)


class NoKey(Event):
    it: Id[str]


class TwoIds(Event):
    it: Id[str]
    other: Id[str]
    key: Key[str]


class Truthless(Label):
    value: float


class Right(Label):
    it: Of[str]
    value: float


@pytest.mark.parametrize(
    ("event", "label", "says"),
    [(NoKey, Right, r"exactly one field of type Key\["), (TwoIds, Right, "type Id"), (Parcel, Truthless, "type Of")],
)
def test_roles_are_exactly_one_each(event: type[Event], label: type[Label], says: str) -> None:
    """An event has one id and one key, a label says whose truth it is."""
    with pytest.raises(UseCaseError, match=says):
        UseCase(
            "wrong",
            "?",
            event,
            Profiles,
            features=lambda e, seen: {},
            task=Regression(target=lambda it: 1.0, truth=Truth(label, patience="1d")),
            candidates=parcels.candidates,
        )


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": "Late Parcels"}, "lower case"),
        ({"candidates": {}}, "no candidate"),
        ({"baselines": {"linear": lambda p, seen: 0.0}}, "different names"),
    ],
)
def test_a_wrong_use_case_says_what_to_change(changes: dict[str, object], says: str) -> None:
    """At once, where it is defined."""
    arguments: dict[str, object] = {
        "name": "right",
        "question": "?",
        "event": Parcel,
        "profiles": Seen,
        "features": features,
        "task": Regression(target=lambda d: d.minutes_late, truth=Truth(Delivered, patience="1d")),
        "candidates": {"linear": Candidate(lambda: None)},
        **changes,
    }
    with pytest.raises(UseCaseError, match=says):
        UseCase(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong", [{}, {"half_life": "1h", "alpha": 0.5}, {"alpha": 0.0}, {"alpha": 1.5}, {"half_life": "soon"}]
)
def test_a_decayed_mean_fades_one_way(wrong: dict[str, object]) -> None:
    """By time or by count, and within bounds."""
    with pytest.raises(UseCaseError):
        decayed_mean("x", unseen=0.0, **wrong)  # type: ignore[arg-type]


def test_a_horizon_lies_within_patience() -> None:
    """Held labels must be released before they are given up."""
    with pytest.raises(UseCaseError, match="horizon"):
        Truth(Delivered, patience="1h", release="at_horizon", horizon="2h")


def test_facts_are_frozen() -> None:
    """Nobody changes what happened."""
    it = Right(known_at=moment(0), it="a", value=1.0)
    with pytest.raises(AttributeError):
        it.value = 2.0  # type: ignore[misc]

"""What profiles remember."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace import Profiles, UseCase, decayed_mean, last_value, window_count, window_mean, window_sum
from millrace.domain.errors import UseCaseError
from millrace.domain.profiles import Profile
from millrace.learning.profiles import Memory, table_for
from tests.trainer.world import START, Delivered, Parcel, parcels

HOUR = 3_600_000_000
times_and_values = st.lists(st.tuples(st.integers(0, 100 * HOUR), st.floats(-100, 100)), min_size=1, max_size=30)


@given(times_and_values)
def test_a_mean_that_fades_by_time_is_the_weighted_mean(stream: list[tuple[int, float]]) -> None:
    """In whatever order values come, each weighs a half for every half-life it is older than the newest."""
    table = table_for(decayed_mean("x", half_life="6h", unseen=0.0).spec)
    for at, value in stream:
        table.add("k", value, at)
    newest = max(at for at, _ in stream)
    weights = [0.5 ** ((newest - at) / (6 * HOUR)) for at, _ in stream]
    mean = sum(w * value for w, (_, value) in zip(weights, stream, strict=True)) / sum(weights)
    assert math.isclose(table.value("k", newest), mean, rel_tol=1e-6, abs_tol=1e-6)


@given(times_and_values)
def test_a_window_holds_what_lies_in_it(stream: list[tuple[int, float]]) -> None:
    """Count, sum and mean are those of the values younger than the window."""
    stream = sorted(stream)
    tables = [
        table_for(it.spec)
        for it in (window_count(window="5h"), window_sum("x", window="5h"), window_mean("x", window="5h", unseen=-1.0))
    ]
    for at, value in stream:
        for table in tables:
            table.add("k", value, at)
    now = stream[-1][0]
    inside = [value for at, value in stream if at > now - 5 * HOUR]
    count, total, mean = (table.value("k", now) for table in tables)
    assert count == len(inside)
    assert math.isclose(total, sum(inside), abs_tol=1e-9)
    assert math.isclose(mean, sum(inside) / len(inside), abs_tol=1e-9)


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        (decayed_mean("x", alpha=0.5, unseen=7.0), 7.0),
        (decayed_mean("x", half_life="1h", unseen=7.0), 7.0),
        (window_count(window="1h"), 0),
        (window_sum("x", window="1h"), 0.0),
        (window_mean("x", window="1h", unseen=7.0), 7.0),
        (last_value("x", unseen="none"), "none"),
    ],
)
def test_what_was_never_seen_is_said_so(declared: Profile[object], expected: object) -> None:
    """`unseen` stands in for a key nothing is known of."""
    assert table_for(declared.spec).value("nobody", 0) == expected


def test_a_window_that_ran_out_is_forgotten() -> None:
    """Keys nothing was heard of take no memory for ever."""
    table = table_for(window_count(window="1h").spec)
    table.add("old", 1, 0)
    table.add("new", 1, 2 * HOUR)
    table.forget(2 * HOUR)
    assert list(table.cells) == ["new"]


def wrong(profiles: type[Profiles]) -> UseCase[Parcel, Profiles, Delivered]:
    return UseCase(
        "wrong",
        "?",
        Parcel,
        profiles,
        features=lambda p, seen: {"km": p.distance},
        task=parcels.task,
        candidates=parcels.candidates,
    )


class ByNothing(Profiles):
    it = decayed_mean("minutes_late", by="dept", half_life="1h", unseen=0.0)


class OfNothing(Profiles):
    it = decayed_mean("minuets", half_life="1h", unseen=0.0)


class OfThree(Profiles):
    it = decayed_mean(lambda a, b, c: 1.0, half_life="1h", unseen=0.0)


@pytest.mark.parametrize(
    ("profiles", "says"), [(ByNothing, "'dept'"), (OfNothing, "'minuets'"), (OfThree, "3 arguments")]
)
def test_a_profile_of_an_unknown_field_is_refused(profiles: type[Profiles], says: str) -> None:
    """The message names the field and what there is instead."""
    with pytest.raises(UseCaseError, match=says):
        Memory(wrong(profiles))


def test_label_profiles_do_not_move_before_the_truth_is_settled() -> None:
    """An event moves event profiles only."""
    memory = Memory(parcels)
    event = Parcel(occurred_at=START, parcel_id="a", depot="d", distance=1.0)
    memory.saw(event, 0)
    assert (memory.seen(event, 1).busy, memory.seen(event, 1).depot) == (1, 0.0)  # type: ignore[attr-defined]
    memory.settled(event, Delivered(known_at=START, parcel_id="a", minutes_late=4.0), 1)
    assert memory.seen(event, 2).depot == 4.0  # type: ignore[attr-defined]

"""What profiles remember."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace import (
    Location,
    Profiles,
    UseCase,
    decayed_mean,
    distinct_count,
    first_use,
    km_since,
    last_value,
    seconds_since,
    session_count,
    session_mean,
    session_sum,
    window_count,
    window_mean,
    window_sum,
)
from millrace.domain.errors import UseCaseError
from millrace.domain.profiles import Profile
from millrace.learning.digest import digest
from millrace.learning.profiles import Memory
from millrace.learning.tables import table_for
from tests.learning import kinds
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


wild = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15)
steps = st.lists(st.tuples(st.integers(0, 3 * HOUR), wild), min_size=1, max_size=60)


def walked(stream: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """Turn steps in time into moments."""
    at, found = 0, []
    for step, value in stream:
        at += step
        found.append((at, value))
    return found


@given(steps, st.integers(0, 7 * HOUR))
def test_a_sum_over_a_window_is_exact(stream: list[tuple[int, float]], later: int) -> None:
    """However many large numbers went through, it is the correctly rounded sum of those inside, at any later moment."""
    moments = walked(stream)
    table = table_for(window_sum("x", window="5h").spec)
    for at, value in moments:
        table.add("k", value, at)
    now = moments[-1][0] + later
    assert table.value("k", now) == math.fsum(value for at, value in moments if at > now - 5 * HOUR)


@given(st.lists(st.tuples(st.integers(0, 20 * HOUR), wild), min_size=1, max_size=30))
def test_a_value_that_comes_late_goes_to_its_place(stream: list[tuple[int, float]]) -> None:
    """In whatever order they come, those inside count, and those outside do not."""
    table = table_for(window_sum("x", window="5h").spec)
    for at, value in stream:
        table.add("k", value, at)
    now = max(at for at, _ in stream)
    assert table.value("k", now) == math.fsum(value for at, value in stream if at > now - 5 * HOUR)


def test_reading_does_not_change_what_is_remembered() -> None:
    """A state answers for any moment and stays as it is, byte for byte."""
    for declared in (window_sum("x", window="5h"), distinct_count("x", window="5h"), seconds_since(unseen=-1.0)):
        table = table_for(declared.spec)
        for number in range(50):
            table.add("k", float(number % 7), number * HOUR)
        before = digest(table.cells)
        for at in (0, 30 * HOUR, 49 * HOUR, 52 * HOUR, 90 * HOUR):
            table.value("k", at)
        assert digest(table.cells) == before


@given(
    st.lists(st.tuples(st.integers(0, 3 * HOUR), st.integers(0, 5)), min_size=1, max_size=60), st.integers(0, 7 * HOUR)
)
def test_distinct_values_are_counted_once(stream: list[tuple[int, int]], later: int) -> None:
    """Those that were met within the window, at any later moment."""
    moments = walked(stream)  # type: ignore[arg-type]
    table = table_for(distinct_count("x", window="5h").spec)
    for at, value in moments:
        table.add("k", value, at)
    now = moments[-1][0] + later
    assert table.value("k", now) == len({value for at, value in moments if at > now - 5 * HOUR})


def test_the_last_event_is_known_by_when_and_where() -> None:
    """Seconds from it, kilometres from it; neither for a key nothing is known of, nor when it is forgotten."""
    since = table_for(seconds_since(unseen=-1.0, forget_after="2h").spec)
    moved = table_for(km_since("place", unseen=-1.0, forget_after="2h").spec)
    berlin, munich = Location(52.52, 13.405), Location(48.137, 11.575)
    since.add("k", 1, HOUR)
    moved.add(("k", berlin), berlin, HOUR)
    assert since.value("k", HOUR + 5_000_000) == 5.0
    assert 500 < moved.value(("k", munich), HOUR) < 510
    assert moved.value(("k", berlin), HOUR) == 0.0
    assert moved.value(("k", None), HOUR) == -1.0
    for table, key in ((since, "k"), (moved, ("k", munich))):
        assert table.value(key, 4 * HOUR) == -1.0
        table.forget(4 * HOUR)
        assert table.cells == {}


def test_a_value_is_new_once() -> None:
    """Under its own key; and again when it was forgotten."""
    table = table_for(first_use("device", by="user", forget_after="2h").spec)
    assert table.value(("user", "phone"), 0)
    table.add(("user", "phone"), "phone", 0)
    assert not table.value(("user", "phone"), HOUR)
    assert table.value(("user", "laptop"), HOUR)
    assert table.value(("user", "phone"), 3 * HOUR)
    table.forget(3 * HOUR)
    assert table.cells == {}


def test_what_has_no_end_is_refused() -> None:
    """An infinite value would stay in a sum for ever."""
    table = table_for(window_sum("x", window="1h").spec)
    with pytest.raises(ValueError, match="inf"):
        table.add("k", float("inf"), 0)
    assert table.cells == {}


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        (decayed_mean("x", alpha=0.5, unseen=7.0), 7.0),
        (decayed_mean("x", half_life="1h", unseen=7.0), 7.0),
        (window_count(window="1h"), 0),
        (window_sum("x", window="1h"), 0.0),
        (window_mean("x", window="1h", unseen=7.0), 7.0),
        (last_value("x", unseen="none"), "none"),
        (seconds_since(unseen=7.0), 7.0),
        (distinct_count("x", window="1h"), 0),
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


@given(st.lists(st.tuples(st.integers(0, 40 * HOUR // 4), st.integers(-100, 100)), min_size=1, max_size=40))
def test_a_session_lasts_until_the_first_pause(stream: list[tuple[int, int]]) -> None:
    """Count, sum and mean are those of the values since the last pause of an hour or more."""
    stream = sorted(stream)
    specs = (session_count(gap="1h"), session_sum("x", gap="1h"), session_mean("x", gap="1h", unseen=-1.0))
    tables = [table_for(it.spec) for it in specs]
    begins = 0
    for n, (at, value) in enumerate(stream):
        for table in tables:
            table.add("k", value, at)
        begins = n if n and at - stream[n - 1][0] >= HOUR else begins
    inside = [value for _, value in stream[begins:]]
    now = stream[-1][0]
    assert [it.value("k", now) for it in tables] == [len(inside), sum(inside), sum(inside) / len(inside)]
    assert [it.value("k", now + HOUR) for it in tables] == [0, 0.0, -1.0]
    tables[0].forget(now + HOUR)
    assert not tables[0].cells


def test_where_events_are_grouped_no_profile_learns_from_labels() -> None:
    """Truth scores and nothing else: such a profile is refused when the use case is first run."""

    class Peeking(Profiles):
        kinds = last_value(lambda v, label: label.kind, unseen="")

    case = kinds.use_case()
    peeking = UseCase(
        case.name, case.question, case.event, Peeking, features=case.features, task=case.task, candidates=case.candidates
    )  # fmt: skip
    with pytest.raises(UseCaseError, match="truth only scores"):
        Memory(peeking)

"""What the ledger does with late, early, doubled and missing labels."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millrace import Regression, Truth, UseCase
from millrace.domain.times import micros
from millrace.learning.digest import digest
from millrace.learning.ledger import Ledger
from tests.trainer.world import START, Delivered, Parcel, Seen, features, parcels

T0 = micros(START)
MINUTE = 60_000_000


def ledger(**truth: str) -> Ledger:
    return Ledger(parcels, Truth(Delivered, **{"patience": "1d", **truth}))  # type: ignore[arg-type]


def parcel(name: str) -> Parcel:
    return Parcel(occurred_at=START, parcel_id=name, depot="d", distance=1.0)


def delivered(name: str, minutes: int = 10, late: float = 1.0) -> Delivered:
    return Delivered(known_at=START + timedelta(minutes=minutes), parcel_id=name, minutes_late=late)


def expect(it: Ledger, *names: str) -> None:
    for name in names:
        it.expect(name, parcel(name), T0, {"km": 1.0}, {"linear": 2.0})


def settled(it: Ledger, minutes: float) -> list[tuple[str, bool]]:
    return [(due.event_id, due.label is not None) for due in it.settle(T0 + int(minutes * MINUTE))]


def test_a_label_is_settled_once_time_has_moved_past_it() -> None:
    """At the label's own moment it still waits: others of that moment may come."""
    it = ledger()
    expect(it, "a")
    assert it.hear(delivered("a"), T0) == "matched"
    assert settled(it, 10) == []
    assert settled(it, 10.1) == [("a", True)]


def test_labels_of_one_moment_are_settled_in_an_order_of_their_own() -> None:
    """Neither the order of events nor that of labels tells the order of settling; it is the same every time."""
    names = [f"p{i}" for i in range(50)]
    orders = []
    for heard in (names, names[::-1]):
        it = ledger()
        expect(it, *names)
        for name in heard:
            it.hear(delivered(name), T0)
        orders.append([name for name, _ in settled(it, 11)])
    assert orders[0] == orders[1]
    assert orders[0] not in (names, names[::-1])


def test_a_label_may_come_before_its_event() -> None:
    """It waits for the event, whichever partition was quicker."""
    it = ledger()
    assert it.hear(delivered("a"), T0) == "early"
    expect(it, "a")
    assert settled(it, 11) == [("a", True)]


def test_a_label_that_never_comes_runs_out_of_patience() -> None:
    """The prediction is let go without truth."""
    it = ledger()
    expect(it, "a")
    assert settled(it, 24 * 60) == []
    assert settled(it, 24 * 60 + 1) == [("a", False)]


@pytest.mark.parametrize(("late", "outcome"), [(1.0, "duplicate"), (2.0, "conflicting")])
@pytest.mark.parametrize("when", ["waiting", "settled"])
def test_a_second_label_is_a_duplicate_or_a_conflict(late: float, outcome: str, when: str) -> None:
    """The same truth twice is counted; another truth is a conflict; neither is learnt."""
    it = ledger()
    expect(it, "a")
    it.hear(delivered("a"), T0)
    if when == "settled":
        settled(it, 11)
    assert it.hear(delivered("a", minutes=12, late=late), T0) == outcome


def test_a_label_beyond_patience_is_late() -> None:
    """It is known as late for another patience, and then as unknown."""
    it = ledger()
    expect(it, "a")
    settled(it, 24 * 60 + 1)
    assert it.hear(delivered("a"), T0 + 1_500 * MINUTE) == "late"
    settled(it, 3 * 24 * 60)
    assert not it.knows("a")


def test_labels_are_held_until_the_horizon() -> None:
    """With release at_horizon nothing is learnt before the horizon, however early it is known."""
    it = ledger(release="at_horizon", horizon="2h")
    expect(it, "a", "b")
    it.hear(delivered("a", minutes=1), T0)
    it.hear(delivered("b", minutes=100), T0)
    assert settled(it, 119) == []
    assert {name for name, _ in settled(it, 121)} == {"a", "b"}


def test_a_label_known_after_the_horizon_is_due_when_it_is_known() -> None:
    """The horizon holds labels back; it lets nothing be learnt as of a moment before it was known."""
    it = ledger(release="at_horizon", horizon="2h")
    expect(it, "a")
    it.hear(delivered("a", minutes=180), T0 + 180 * MINUTE)
    assert settled(it, 180) == []
    assert [due.settled_at for due in it.settle(T0 + 181 * MINUTE)] == [T0 + 180 * MINUTE]


def test_what_is_due_and_what_has_run_out_at_one_moment_are_mixed() -> None:
    """With the horizon at the end of patience, labels and silence are settled in one order, which tells neither."""
    it = ledger(release="at_horizon")
    names = [f"p{i}" for i in range(50)]
    expect(it, *names)
    for name in names[::2]:
        it.hear(delivered(name), T0)
    known = [has_label for _, has_label in settled(it, 24 * 60 + 1)]
    assert len(known) == 50
    assert 10 < sum(a != b for a, b in pairwise(known)) < 40


def test_beyond_its_limit_the_ledger_takes_a_sample() -> None:
    """It outgrows its limit by less than one entry, and which events are left out does not depend on their order."""
    small = UseCase(
        "small",
        "?",
        Parcel,
        Seen,
        features=features,
        task=Regression(target=lambda d: d.minutes_late, truth=Truth(Delivered, patience="1d")),
        candidates=parcels.candidates,
        ledger_limit=20_000,
    )
    it = Ledger(small, Truth(Delivered, patience="1d"))
    kept = [name for name in map(str, range(2_000)) if it.has_room_for(name) and not expect(it, name)]  # type: ignore[func-returns-value]
    assert it.bytes < 20_000 + max(entry.size for entry in it.waiting.values())
    assert 50 < len(kept) < 2_000


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("abcdef"), st.sampled_from(["event", "label"]), st.integers(0, 3_000)), max_size=60
    )
)
def test_nothing_is_settled_twice(steps: list[tuple[str, str, int]]) -> None:
    """Whatever comes in whatever order, an event is closed at most once while it is remembered."""
    it, now, closed = ledger(), T0, []
    for name, what, minutes in steps:
        now = max(now, T0 + minutes * MINUTE // 10)
        closed += [due.event_id for due in it.settle(now)]
        if what == "event" and not it.knows(name):
            expect(it, name)
        elif what == "label":
            it.hear(delivered(name, minutes=minutes), now)
    assert len(closed) == len(set(closed))
    assert it.bytes == sum(entry.size for entry in it.waiting.values())


def test_packed_or_not_nobody_can_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ledger that packs everything gives out, and is written down as, what one that packs nothing does."""
    plain, packing = ledger(), ledger()
    for it, room in ((plain, 10), (packing, 0)):
        monkeypatch.setattr("millrace.learning.ledger.UNPACKED", room)
        expect(it, "a", "b", "c")
        it.hear(delivered("b"), T0)
    assert digest(plain.dump()) == digest(packing.dump())
    [one], [other] = ([*it.settle(T0 + 11 * MINUTE)] for it in (plain, packing))
    assert (one.event, one.features, one.foreseen, one.label) == (
        other.event,
        other.features,
        other.foreseen,
        other.label,
    )


def test_a_moment_of_another_zone_is_packed() -> None:
    """Only the instant comes back from packing, so an event that says it in its own zone must not wait as it is."""
    it = ledger()
    east = START.astimezone(timezone(timedelta(hours=2)))
    it.expect("a", Parcel(occurred_at=east, parcel_id="a", depot="d", distance=1.0), T0, {}, {})
    it.hear(delivered("a"), T0)
    [due] = it.settle(T0 + 11 * MINUTE)
    assert due.event.occurred_at.tzinfo is UTC


def test_an_id_is_remembered_as_long_as_its_doubles_may_come() -> None:
    """A label that came first does not shorten how long its event's id is known."""
    it = ledger()
    it.hear(delivered("a"), T0)
    expect(it, "a")
    assert settled(it, 11) == [("a", True)]
    for hours in range(1, 48):
        settled(it, hours * 60)
        assert it.knows("a")
    settled(it, 60 * 24 * 3)
    assert not it.knows("a")


def test_a_ledger_restored_goes_on_where_it_was() -> None:
    """Dump and load lose nothing."""
    it, twin = ledger(), ledger()
    expect(it, "a", "b")
    it.hear(delivered("b"), T0)
    it.hear(delivered("c"), T0)
    twin.load(it.dump())
    assert settled(twin, 11) == [("b", True)]
    assert twin.hear(delivered("c", late=9.0), T0) == "conflicting"

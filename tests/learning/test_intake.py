"""Records become facts, in the order in which they could be known."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millrace.domain.log import Record, TopicPartition
from millrace.learning.intake import Arrival, Clock, Intake
from millrace.learning.outcomes import Unreadable
from tests.trainer.world import START, Parcel, parcels

EVENTS = parcels.topic("events")
MINUTE = 60_000_000


def record(minutes: float, offset: int = 0, partition: int = 0) -> Record:
    event = Parcel(
        occurred_at=START + timedelta(minutes=minutes), parcel_id=f"{partition}-{offset}", depot="d", distance=1.0
    )
    return Record(EVENTS, partition, offset, 0, None, msgspec.json.encode(event))


def arrivals(minutes: list[float], partition: int = 0) -> list[Arrival]:
    intake = Intake(parcels)
    return [intake.read(record(at, offset, partition)) for offset, at in enumerate(minutes)]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "empty"),
        (b"", "empty"),
        (b"{", "undecodable"),
        (b"\xff\xfe", "undecodable"),
        (b'{"x":' + b"[" * 10_000, "undecodable"),
        (b'{"parcel_id": 7}', "invalid"),
        (b'{"occurred_at":"2026-03-01T00:00:00Z","parcel_id":"a","depot":"d","distance":NaN}', "undecodable"),
        (b'{"occurred_at":"2026-03-01T00:00:00Z","parcel_id":"a","depot":"d","distance":-1}', "invalid"),
        (b'{"occurred_at":"1970-01-01T00:00:00Z","parcel_id":"a","depot":"d","distance":1}', "invalid"),
        (b'{"occurred_at":"2500-01-01T00:00:00Z","parcel_id":"a","depot":"d","distance":1}', "invalid"),
        (b'{"occurred_at":"2026-03-01T00:00:00","parcel_id":"a","depot":"d","distance":1}', "invalid"),
        (b" " * 1_000_001, "too-large"),
    ],
)
def test_what_cannot_be_used_says_why(value: bytes | None, reason: str) -> None:
    """Nothing a producer sends stops the stream."""
    fact = Intake(parcels).read(Record(EVENTS, 0, 0, 0, None, value)).fact
    assert isinstance(fact, Unreadable)
    assert fact.reason == reason
    assert fact.detail


def test_one_record_from_the_future_moves_nothing() -> None:
    """A leap beyond the gap is refused and takes the place of the record before it."""
    placed, clocks = Intake(parcels).arrange({TopicPartition(EVENTS, 0): arrivals([0, 100_000, 1])}, {})
    assert [isinstance(it.fact, Unreadable) for it in placed] == [False, True, False]
    assert placed[1].time == placed[0].time
    assert clocks[TopicPartition(EVENTS, 0)].newest == placed[2].time


def test_a_leap_the_next_record_agrees_with_is_believed() -> None:
    """A stream may rest for months, whether or not the next record came in the same batch."""
    together, _ = Intake(parcels).arrange({TopicPartition(EVENTS, 0): arrivals([0, 100_000, 100_001])}, {})
    assert not any(isinstance(it.fact, Unreadable) for it in together)
    where, intake = TopicPartition(EVENTS, 0), Intake(parcels)
    first, clocks = intake.arrange({where: arrivals([0, 100_000])}, {})
    assert isinstance(first[1].fact, Unreadable)
    after, _ = intake.arrange({where: arrivals([100_001])}, clocks)
    assert not isinstance(after[0].fact, Unreadable)


minutes = st.lists(st.integers(0, 12), max_size=25).map(sorted)


@settings(max_examples=150, deadline=None)
@given(st.lists(minutes, min_size=1, max_size=3), st.integers(1, 6), st.data())
def test_the_order_does_not_depend_on_how_batches_fall(
    streams: list[list[int]], most: int, data: st.DataObject
) -> None:
    """However much is read ahead of which partition, records are taken in one and the same order."""
    intake = Intake(parcels)
    all_ = {TopicPartition(EVENTS, p): arrivals([float(m) for m in its], p) for p, its in enumerate(streams)}
    whole, _ = intake.arrange({where: its for where, its in all_.items() if its}, {})
    waiting: dict[TopicPartition, list[Arrival]] = {where: [] for where in all_}
    left = {where: list(its) for where, its in all_.items()}
    clocks: dict[TopicPartition, Clock] = {}
    taken: list[Arrival] = []
    while any(left.values()) or any(waiting.values()):
        for where in left:
            count = data.draw(st.integers(0, len(left[where])))
            waiting[where] += left[where][:count]
            left[where] = left[where][count:]
        behind = [where for where in left if left[where]]
        counts = intake.choose(waiting, clocks, intake.frontier(waiting, behind), most)
        batch = {where: waiting[where][:count] for where, count in counts.items()}
        for where, count in counts.items():
            waiting[where] = waiting[where][count:]
        placed, clocks = intake.arrange(batch, clocks)
        taken += placed
    assert [it[:4] for it in taken] == [it[:4] for it in whole]

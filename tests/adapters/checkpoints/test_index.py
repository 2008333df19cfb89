"""Which checkpoint is the newest, and which may go."""

from __future__ import annotations

import asyncio
import random

import pytest

from millrace.adapters.checkpoints.index import CheckpointIndex, Latest
from millrace.adapters.checkpoints.port import ObjectStore


@pytest.fixture
def index(store: ObjectStore) -> CheckpointIndex:
    return CheckpointIndex(store, "parcel-delay", 0)


def at(index: CheckpointIndex, epoch: int, offset: int) -> Latest:
    key = index.key(epoch, offset)
    return Latest(key=key, state_id=f"parcel-delay.0.{epoch}.{offset}", epoch=epoch, offset=offset)


def test_a_checkpoint_is_named_as_the_wire_says(index: CheckpointIndex) -> None:
    """The key sorts by offset within its epoch."""
    assert index.key(3, 4711) == "parcel-delay/0/3/00000000000000004711.checkpoint"


async def test_the_pointer_tells_what_it_was_told(index: CheckpointIndex) -> None:
    """What the pointer says comes back whole; before the first checkpoint it says nothing."""
    assert await index.latest() is None
    told = Latest(
        key=index.key(1, 5),
        state_id="parcel-delay.0.1.5",
        epoch=1,
        offset=5,
        cluster_id="c",
        stream_time="2013-01-01T00:00:00Z",
        digest="d",
        sequences={"parcel-delay.events:0": 41},
    )
    assert await index.advance(told)
    assert await index.latest() == told


@pytest.mark.parametrize(
    ("epoch", "offset", "moves"), [(2, 10, False), (2, 9, False), (1, 99, False), (2, 11, True), (3, 0, True)]
)
async def test_the_pointer_moves_forward_only(index: CheckpointIndex, epoch: int, offset: int, moves: bool) -> None:
    """A greater offset, or a greater epoch whatever its offset, is newer; an owner of the past moves nothing."""
    await index.advance(at(index, 2, 10))
    assert await index.advance(at(index, epoch, offset)) is moves
    latest = await index.latest()
    assert latest is not None
    assert latest.place == ((epoch, offset) if moves else (2, 10))


async def test_however_many_race_the_newest_is_left(store: ObjectStore, index: CheckpointIndex) -> None:
    """Owners that race to move the pointer leave it at the newest of all."""
    await store.put("other", b"")
    places = [(1 + n // 8, n) for n in range(16)]
    random.Random(1).shuffle(places)
    await asyncio.gather(*(index.advance(at(index, *place)) for place in places))
    latest = await index.latest()
    assert latest is not None
    assert latest.place == max(places)


async def test_the_newest_comes_first(store: ObjectStore, index: CheckpointIndex) -> None:
    """Epoch 10 is newer than epoch 9; neither the pointer nor another shard's checkpoint is in the list."""
    other = CheckpointIndex(store, "parcel-delay", 1)
    for key in (index.key(9, 7), index.key(10, 1), index.key(9, 30), other.key(11, 1)):
        await store.put(key, b"")
    await index.advance(at(index, 10, 1))
    assert [(it.epoch, it.offset) for it in await index.newest_first()] == [(10, 1), (9, 30), (9, 7)]


async def test_the_newest_and_those_needed_stay(store: ObjectStore, index: CheckpointIndex) -> None:
    """Retention keeps the newest N, every key it was told to keep, and what the pointer names however old."""
    for offset in range(6):
        await store.put(index.key(1, offset), b"")
    await index.advance(at(index, 1, 1))
    deleted = await index.retain(2, keep={index.key(1, 3)})
    assert deleted == [index.key(1, 2), index.key(1, 0)]
    assert [it.offset for it in await index.newest_first()] == [5, 4, 3, 1]

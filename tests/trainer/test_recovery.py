"""The promise, on memory twins: kill the trainer anywhere; no event is lost or learnt twice, the state is the same."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from millrace.domain.records import DeadLetter
from tests.trainer.world import World, facts, learn_all, parcels
from trainer.rebuild import Rebuilding
from trainer.training import Training

N = 600


async def undisturbed(tmp: Path) -> tuple[str, Counter[str]]:
    world = World(tmp)
    await world.produce(facts(N))
    training = await world.trainer()
    await learn_all(training, N)
    return training.shard.digest(), Counter(str(it["event_id"]) for it in await world.predictions())


async def test_all_that_is_produced_is_predicted_once(tmp_path: Path) -> None:
    """Every event has exactly one prediction."""
    _, ids = await undisturbed(tmp_path)
    assert len(ids) == N
    assert set(ids.values()) == {1}


class Killed(BaseException):
    """The process dies here."""


def die_somewhere(training: Training, rng: random.Random) -> None:
    """Make a trainer die: in the middle of a turn, before a commit, or after one that was acknowledged to nobody."""
    commit, left, where = training._writer.commit, rng.randrange(1, 8), rng.choice(["before", "after", "between"])

    async def dying(*args: object) -> int:
        nonlocal left
        left -= 1
        if left > 0:
            return await commit(*args)  # type: ignore[arg-type]
        if where == "after":
            await commit(*args)  # type: ignore[arg-type]
        raise Killed

    training._writer.commit = dying  # type: ignore[method-assign]


@pytest.mark.parametrize("seed", range(25))
async def test_a_killed_trainer_goes_on_as_if_nothing_had_happened(tmp_path: Path, seed: int) -> None:
    """After any number of deaths the state is byte-equal and each prediction is readable once."""
    digest, ids = await undisturbed(tmp_path)
    world, rng = World(tmp_path), random.Random(seed)
    await world.produce(facts(N))
    deaths = 0
    while True:
        training = await world.trainer()
        if deaths == 6:
            await learn_all(training, N)
            break
        die_somewhere(training, rng)
        try:
            await learn_all(training, N)
        except Killed:
            deaths += 1
        else:
            break
    assert deaths > 0
    assert training.shard.digest() == digest
    assert Counter(str(it["event_id"]) for it in await world.predictions()) == ids


async def test_a_past_state_is_rebuilt_bit_for_bit(tmp_path: Path) -> None:
    """The newest state, one in the middle of a batch and one of a checkpoint are rebuilt and match."""
    world = World(tmp_path)
    await world.produce(facts(N))
    training = await world.trainer()
    await learn_all(training, N)
    rebuilding = Rebuilding(parcels, 0, world.bus(), world.checkpoints())
    newest = await rebuilding.newest()
    rebuilt = await rebuilding.rebuild(newest)
    assert (rebuilt.matches, rebuilt.digest) == (True, training.shard.digest())
    for it in (await world.predictions())[100:400:60]:
        from millrace.domain.state_id import StateId

        assert (await rebuilding.rebuild(StateId.parse(str(it["state_id"])))).matches


async def test_what_cannot_be_used_is_kept_and_the_stream_goes_on(tmp_path: Path) -> None:
    """Records that do not decode, are too large or come twice become dead letters; the rest is learnt."""
    from millrace.adapters.bus.port import Message

    world, stream = World(tmp_path), facts(60)
    await world.produce(stream[:40])
    bus = world.bus()
    writer = await bus.writer()
    await writer.send([Message(parcels.topic("events"), value, b"x") for value in (b"{", b"x" * 900_000, None)])
    await world.produce(stream[:3])
    await world.produce(stream[40:])
    training = await world.trainer()
    await learn_all(training, 60)
    assert set(Counter(str(it["event_id"]) for it in await world.predictions()).values()) == {1}
    letters = [msgspec.json.decode(value, type=DeadLetter) for value in await world.values("dead-letters")]
    assert Counter(it.reason for it in letters) == {"undecodable": 2, "empty": 1, "duplicate": 3}
    assert max(len(it.value or b"") for it in letters) == 500_000
    assert training.progress.dead_letters == {"undecodable": 2, "empty": 1, "duplicate": 3}

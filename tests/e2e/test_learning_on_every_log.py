"""The learner on the twin, the embedded log and real Kafka alike: the same facts give the same state."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from millrace.adapters.bus.kafka import KafkaBus
from millrace.adapters.online.port import Version
from millrace.learning.digest import digest
from millrace.learning.serving import ServingState
from millrace.rehearsal import rehearse
from tests.kafka import embedded_bus, embedded_log, real_kafka
from tests.trainer.world import KEYS, World, facts, learn_all, parcels
from trainer.rebuild import Rebuilding
from trainer.training import Training

N = 900


@pytest.fixture(params=["memory", pytest.param("embedded"), pytest.param("kafka", marks=pytest.mark.kafka)])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    if request.param == "memory":
        yield World(tmp_path)
    elif request.param == "embedded":
        with embedded_log(tmp_path) as place:
            yield World(tmp_path, lambda: embedded_bus(place), idle_timeout=0.3)
    else:
        with real_kafka(tmp_path / "kafka") as broker:
            yield World(tmp_path, lambda: KafkaBus(broker.address), idle_timeout=0.3, embedded_log=False)


async def test_the_same_facts_give_the_same_state_on_every_log(world: World) -> None:
    """Learnt halfway, thrown away and taken up again: the state is that of a rehearsal in one process.

    Every event is predicted once, the newest state is rebuilt, and what is served is that state.
    """
    stream = facts(N)
    rehearsed = rehearse(parcels, stream)
    await world.produce(stream[: len(stream) // 2])
    first = await world.trainer()
    half = sum(hasattr(it, "occurred_at") for it in stream[: len(stream) // 2])
    await learn_all(first, half)
    await first.close()

    await world.produce(stream[len(stream) // 2 :])
    second = await world.trainer()
    await learn_all(second, N)
    learner = second.shard.learner
    assert learner.counters["events"] == N
    assert {name: score.overall() for name, score in learner.contest.scores.items() if score.labels} != {}
    learner.advance(learner.time + 1)
    assert learner.counters == rehearsed.counters
    assert {name: it.overall()["mae"] for name, it in learner.contest.scores.items() if name in parcels.candidates} == {
        name: it.overall for name, it in rehearsed.candidates.items()
    }
    assert Counter(Counter(str(it["event_id"]) for it in await world.predictions()).values()) == {1: N}
    await second.close()


async def published(training: Training, world: World) -> bytes:
    """Let what is offered go out until the store has the newest state; return its snapshot."""
    snapshots, newest = training._outlets.snapshots, Version(training.shard.epoch, training.shard.offset)
    async with asyncio.timeout(20):
        publishing = asyncio.create_task(snapshots.run())
        while await world.online.version("parcels", 0) != newest:
            snapshots.offer(training.shard)
            await asyncio.sleep(0.01)
    publishing.cancel()
    found = await world.online.fetch("parcels", 0)
    assert found is not None
    return found.sealed


async def test_what_is_served_is_a_state_that_can_be_rebuilt(world: World) -> None:
    """The newest snapshot names a state; rebuilding that state matches, and its digest is the learner's."""
    await world.produce(facts(N))
    training = await world.trainer()
    await learn_all(training, N)
    serving = ServingState.open(parcels, await published(training, world), KEYS.verify)
    assert serving.header.state_id == str(training.shard.state_id)
    rebuilding = Rebuilding(parcels, 0, world.bus(), world.checkpoints())
    rebuilt = await rebuilding.rebuild(training.shard.state_id)
    assert (rebuilt.matches, rebuilt.digest) == (True, training.shard.digest())
    audit = await rebuilding.audit()
    assert (audit.matches, audit.entries >= rebuilt.entries) == (True, True)
    assert digest(training.shard.learner.dump())
    await training.close()

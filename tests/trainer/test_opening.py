"""How a trainer takes up its shard, and when it refuses to."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from millrace.adapters.bus.memory import MemoryBus
from millrace.adapters.bus.memory_cluster import Fault
from millrace.adapters.bus.port import Message, TopicPartition
from millrace.adapters.online.port import Version
from millrace.domain.errors import CommitFailed, Fenced, HistoryLost, IncompatibleState
from millrace.domain.records import Batch, Genesis
from millrace.runtime.signing import PublicKeys, Signer
from tests.trainer.world import World, facts, learn_all, parcels
from trainer.journal import Journal, Written, line_from
from trainer.training import Training

PATIENCE = 30.0
"""Seconds within which something must have happened."""

STREAM = facts(200)


async def learnt(world: World, n: int = 200) -> None:
    await world.produce(STREAM[: n * 2])
    training = await world.trainer()
    await learn_all(training, sum(hasattr(it, "occurred_at") for it in STREAM[: n * 2]))
    await training._outlets.checkpoints.now(training.shard)
    await training.close()


async def genesis(world: World) -> list[Genesis]:
    entries = await Journal(world.bus(), parcels, 0).read(0)
    return [it.entry for it in entries if isinstance(it.entry, Genesis)]


async def test_an_embedded_log_that_was_restarted_begins_an_epoch_warm(tmp_path: Path) -> None:
    """The new epoch names its parent, keeps what was learnt, and reads the new log from its beginning."""
    world = World(tmp_path)
    await learnt(world)
    world.cluster.restart()
    training = await world.trainer()
    found = await genesis(world)
    assert [(it.epoch, it.parent is not None) for it in found] == [(2, True)]
    assert training.shard.learner.counters["events"] == 200
    assert set(training.inputs().values()) <= {0}
    assert training.shard.sequences == {}


async def test_a_real_log_that_is_another_one_is_refused(tmp_path: Path) -> None:
    """Both are named; nothing is mixed and nothing is written."""
    world = World(tmp_path, embedded_log=False)
    await learnt(world)
    before = world.cluster.id
    world.cluster.restart()
    with pytest.raises(HistoryLost, match=before):
        await world.trainer()
    assert await genesis(world) == []


async def test_checkpoints_of_a_stranger_are_not_called_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever comes to the same log and store with a new home must not be told to throw away what was learnt."""
    world = World(tmp_path, embedded_log=False)
    await learnt(world)
    stranger = PublicKeys([Signer(Ed25519PrivateKey.generate()).public_pem()])
    monkeypatch.setattr("tests.trainer.world.KEYS", stranger)
    with pytest.raises(
        HistoryLost, match=r"were skipped, the newest because .* none of the 1 trusted keys.* bring its folder keys/"
    ):
        await world.trainer()
    assert await genesis(world) != []


async def test_a_state_that_other_code_wrote_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The difference is named, and the way on; a new epoch goes on reading where the old one stopped."""
    world = World(tmp_path)
    await learnt(world, 100)
    monkeypatch.setattr("trainer.states.hash_of", lambda _use_case: "f" * 64)
    with pytest.raises(IncompatibleState, match=r"use case was .* MILLRACE_NEW_EPOCH"):
        await world.trainer()
    training = await world.trainer(new_epoch=True)
    assert training.shard.epoch == 2
    assert training.shard.learner.counters == {}
    assert sum(training.inputs().values()) == 200
    await world.produce(STREAM[200:])
    await learn_all(training, sum(hasattr(it, "occurred_at") for it in STREAM[200:]))
    assert len(await world.predictions()) == 200


async def test_a_topic_that_was_made_anew_is_refused(tmp_path: Path) -> None:
    """Its offsets mean other records; both ids are named."""
    world = World(tmp_path)
    await learnt(world)
    world.cluster.recreate(parcels.topic("events"))
    with pytest.raises(HistoryLost, match="made anew"):
        await world.trainer()


async def test_leave_to_begin_anew_is_not_an_order_to(tmp_path: Path) -> None:
    """With the setting still in place, a trainer whose history can go on goes on with it."""
    world = World(tmp_path)
    await learnt(world)
    training = await world.trainer(new_epoch=True)
    assert (training.shard.epoch, training.shard.learner.counters["events"]) == (1, 200)


async def test_a_changed_number_of_partitions_is_refused(tmp_path: Path) -> None:
    """Keys would lie elsewhere."""
    world = World(tmp_path)
    await learnt(world)
    bus = world.bus()
    ensure = bus.ensure_topics

    async def grown(topics: Mapping[str, int]) -> dict[str, int]:
        return {**await ensure(topics), parcels.topic("events"): 5}

    bus.ensure_topics = grown  # type: ignore[method-assign]
    world.bus = lambda: bus
    with pytest.raises(IncompatibleState, match="has 5 partitions"):
        await world.trainer()


async def test_records_that_are_gone_before_they_were_learnt_stop_it(tmp_path: Path) -> None:
    """With which they are."""
    world = World(tmp_path)
    await learnt(world, 50)
    await world.produce(STREAM[100:])
    world.cluster.cut(TopicPartition(parcels.topic("events"), 0), 10_000)
    with pytest.raises(HistoryLost, match="are gone"):
        await world.trainer()


async def test_a_genesis_whose_first_checkpoint_was_never_written_is_taken_up(tmp_path: Path) -> None:
    """Killed between the two, nothing was learnt yet: the same epoch begins once more."""
    world = World(tmp_path)
    await world.produce(STREAM)
    await world.trainer()
    assert await world.store.keys("") == []
    training = await world.trainer()
    await learn_all(training, 200)
    assert len(await genesis(world)) == 1


async def test_the_last_starter_owns_the_shard(tmp_path: Path) -> None:
    """The one before is fenced at its next commit."""
    world = World(tmp_path)
    await world.produce(STREAM)
    first = await world.trainer()
    await first.prepare()
    second = await world.trainer()
    with pytest.raises(Fenced):
        await learn_all(first, 200)
    await learn_all(second, 200)


async def test_a_commit_that_was_aborted_is_made_again(tmp_path: Path) -> None:
    """The same records; nothing new is learnt meanwhile, nothing is there twice."""
    world = World(tmp_path)
    await world.produce(STREAM)
    training = await world.trainer()
    await training.prepare()
    world.cluster.faults.extend([Fault.ABORTED, Fault.ABORTED])
    await learn_all(training, 200)
    assert len({it["event_id"] for it in await world.predictions()}) == len(await world.predictions()) == 200


async def test_a_commit_nobody_knows_the_end_of_throws_the_state_away(tmp_path: Path) -> None:
    """Recovery then finds out from the journal whether it was made."""
    world = World(tmp_path)
    await world.produce(STREAM)
    training = await world.trainer()
    await training.prepare()
    world.cluster.faults.append(Fault.ANSWER_LOST)
    with pytest.raises(CommitFailed):
        await learn_all(training, 200)
    again = await world.trainer()
    await learn_all(again, 200)
    assert len({it["event_id"] for it in await world.predictions()}) == len(await world.predictions()) == 200


async def test_a_promoted_challenger_stays_champion(tmp_path: Path) -> None:
    """A command is journalled, survives a recovery, and one that makes no sense is refused on record."""
    world = World(tmp_path)
    await world.produce(STREAM)
    training = await world.trainer()
    await training.prepare()
    topic = parcels.topic("commands")
    writer = await world.bus().writer()
    for command in ({"command": "promote", "candidate": "tree"}, {"command": "promote", "candidate": "nobody"}):
        await writer.send([Message(topic, msgspec.json.encode(command), partition=0)])
    await writer.send([Message(topic, b"not json", partition=0)])
    await learn_all(training, 200)
    assert training.shard.learner.contest.champion == "tree"
    digest = training.shard.digest()
    again = await world.trainer()
    assert (again.shard.learner.contest.champion, again.shard.digest()) == ("tree", digest)
    commands = [
        it.entry.command for it in await Journal(world.bus(), parcels, 0).read(0) if hasattr(it.entry, "command")
    ]
    assert ["refused" in it for it in commands] == [False, True, True]


def entry(offset: int, previous: int) -> Written:
    return Written(offset, Batch(epoch=1, previous=previous, chain="", ranges={}, counters={}))


def test_the_history_is_the_longest_line() -> None:
    """A zombie's entries, and those that were sent twice, are no part of it."""
    entries = [entry(2, 0), entry(4, 0), entry(6, 4), entry(7, 2), entry(8, 6), entry(9, 5)]
    assert [it.offset for it in line_from(0, entries)] == [4, 6, 8]


async def test_a_snapshot_is_published_of_committed_states_only(tmp_path: Path) -> None:
    """What the store holds is a state the journal has."""
    world = World(tmp_path)
    await world.produce(STREAM)
    training = await world.trainer()
    tasks = [asyncio.create_task(it) for it in training.background()]
    await learn_all(training, 200)
    await asyncio.sleep(0.05)
    offsets = {it.offset for it in await Journal(MemoryBus(world.cluster), parcels, 0).read(0)}
    version = await world.online.version(parcels.name, 0)
    assert version is not None
    assert version.offset in offsets
    for task in tasks:
        task.cancel()


async def _published(world: World, training: Training) -> Version:
    """Return what the online store names as the newest state, once it names one; a learner with nothing to learn turns on."""
    async with asyncio.timeout(PATIENCE):
        while (found := await world.online.version(parcels.name, 0)) is None:
            await training.turn()
            await asyncio.sleep(0.01)
    return found


async def test_a_store_that_lost_everything_gets_the_newest_state_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even while nothing new is learnt: a flushed store must not leave an idle stream unserved."""
    monkeypatch.setattr("trainer.snapshots.LOOK_EVERY", 0.02)
    world = World(tmp_path)
    await world.produce(STREAM)
    training = await world.trainer()
    tasks = [asyncio.create_task(it) for it in training.background()]
    await learn_all(training, 200)
    newest = await _published(world, training)
    world.online._kept.clear()
    assert await _published(world, training) >= newest
    for task in tasks:
        task.cancel()

"""The producer: every fact once, in order, at its pace, whatever dies."""

from __future__ import annotations

import random

import msgspec
import pytest

from millrace.adapters.bus.memory import MemoryBus, MemoryWriter
from millrace.adapters.bus.port import Message, TopicPartition
from millrace.adapters.checkpoints.index import CheckpointIndex, Latest
from millrace.domain.errors import Unreachable, UseCaseError
from millrace.domain.usecase import UseCase
from producers.recording import Recording
from producers.replay import HOLD
from producers.room import RECORDS
from tests.producers.parcels import MortalBus, World, parcels, recording


async def test_every_fact_is_sent_once_and_each_partition_keeps_the_order_of_time() -> None:
    """An undisturbed replay is the recording."""
    world, source = World(), recording()
    await world.run(source)
    assert sorted(world.numbers()) == list(range(len(source)))
    for topic in source.topics:
        for records in world.records(topic).values():
            numbers = [int(it.header("ce_sequence") or b"") for it in records]
            assert numbers == sorted(numbers)


@pytest.mark.parametrize("seed", range(30))
async def test_killed_anywhere_and_started_again_it_loses_and_doubles_nothing(seed: int) -> None:
    """Each partition got another part of what was under way; the log alone says how far each came."""
    chance = random.Random(seed)
    world, source = World(speed=chance.choice([0, 60, 3600])), recording(200)
    for _ in range(chance.randrange(1, 12)):
        mortal = MortalBus(world.cluster, chance, life=chance.randrange(1, 80))
        await world.run(source, seconds=400, bus=mortal)
    await world.run(source, seconds=400)
    assert sorted(world.numbers()) == list(range(len(source)))
    for topic in source.topics:
        for records in world.records(topic).values():
            numbers = [int(it.header("ce_sequence") or b"") for it in records]
            assert numbers == sorted(numbers)


async def test_records_of_strangers_behind_its_own_do_not_mislead_it() -> None:
    """Somebody may write into the same topics, with or without numbers; only its own source counts."""
    world, source = World(), recording()
    await world.run(source, bus=MortalBus(world.cluster, random.Random(5), life=70))
    junk = [Message("parcels.events", b"?", partition=it % 3, headers=(("ce_sequence", b"9999"),)) for it in range(200)]
    await (await MemoryBus(world.cluster).writer()).send(junk)
    await world.run(source)
    ours = [it for it in world.numbers() if it != 9999]
    assert sorted(ours) == list(range(len(source)))


async def test_a_label_lands_in_the_partition_number_of_its_event() -> None:
    """A trainer that reads one partition number of both topics meets events and their labels."""
    world = World()
    await world.run(recording(depots=17))
    by_topic: dict[str, dict[str, tuple[int, bytes | None]]] = {}
    for topic in ("parcels.events", "parcels.labels"):
        for where, records in world.records(topic).items():
            for it in records:
                name = msgspec.json.decode(it.value or b"")["parcel_id"]
                by_topic.setdefault(topic, {})[name] = (where.partition, it.key)
    assert by_topic["parcels.events"] == by_topic["parcels.labels"]


async def test_a_record_is_the_fact_in_json_with_cloudevents_headers() -> None:
    """What has no value is left out; the time in the headers is when the record could be known."""
    world = World(partitions=1)
    await world.run(recording(1))
    event, label = world.records("parcels.events"), world.records("parcels.labels")
    first = event[TopicPartition("parcels.events", 0)][0]
    assert msgspec.json.decode(first.value or b"") == {
        "occurred_at": "2024-05-01T00:00:00Z",
        "parcel_id": "p0",
        "depot": "d0",
    }
    assert first.key == b"d0"
    assert dict(first.headers) == {
        "ce_specversion": b"1.0",
        "ce_id": b"p0",
        "ce_type": b"parcels.Parcel",
        "ce_time": b"2024-05-01T00:00:00Z",
        "ce_source": b"/millrace/recorded/parcels",
        "ce_sequence": b"0",
    }
    assert label[TopicPartition("parcels.labels", 0)][0].header("ce_time") == b"2024-05-01T00:01:30Z"


async def test_it_keeps_the_pace_of_the_stream() -> None:
    """At speed 60 a minute of the stream takes a second: after 20 s, 21 parcels and the 19 delivered so far."""
    world = World(speed=60)
    await world.run(recording(), seconds=20.2)
    assert (len(world.numbers("parcels.events")), len(world.numbers("parcels.labels"))) == (21, 19)


async def test_after_a_restart_the_pace_goes_on_from_where_the_stream_stands() -> None:
    """Time that passed while it was down is not caught up in a rush."""
    world, source = World(speed=60), recording()
    await world.run(source, seconds=10.2)
    world.clock.time += 3_600
    before = len(world.numbers())
    await world.run(source, seconds=5.2)
    assert 10 <= len(world.numbers()) - before <= 13


async def test_on_the_embedded_log_it_holds_back_until_the_trainer_has_learnt() -> None:
    """Nothing unlearnt is ever pushed out of a log that keeps little; on other logs it does not wait."""
    world, source = World(embedded_log=True, partitions=1), recording(RECORDS * 2, depots=1)
    await world.run(source, seconds=1.0)
    events = TopicPartition("parcels.events", 0)
    held = len(world.records("parcels.events")[events])
    assert 2_000 < held <= RECORDS
    assert world.heard.held >= HOLD
    labels = TopicPartition("parcels.labels", 0)
    for _ in range(20):
        ends = await MemoryBus(world.cluster).end([events, labels])
        await MemoryBus(world.cluster).note_positions("millrace.parcels.0", ends)
        await world.run(source, seconds=1.0)
    assert sorted(world.numbers()) == list(range(len(source)))


async def test_on_a_log_that_keeps_by_time_it_does_not_wait_for_the_trainer() -> None:
    """A trainer may be down for a day; the log keeps what it missed."""
    world, source = World(partitions=1), recording(RECORDS * 2, depots=1)
    await world.run(source, seconds=1.0)
    assert len(world.numbers()) == len(source)


class Trainer:
    """Learns whatever is in the log; its checkpoint says how far. A new log is taken up from the checkpoint."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.learnt: list[int] = []
        self.kept: list[int] = []
        self.marks: dict[str, int] = {}
        self.kept_marks: dict[str, int] = {}
        self.place = 0

    def learn(self) -> None:
        for topic in ("parcels.events", "parcels.labels"):
            for where, records in self.world.records(topic).items():
                fresh = [int(it.header("ce_sequence") or b"") for it in records][self.taken.get(where, 0) :]
                self.taken[where] = self.taken.get(where, 0) + len(fresh)
                self.learnt += fresh
                if fresh:
                    self.marks[str(where)] = fresh[-1]

    async def checkpoint(self) -> None:
        self.kept, self.kept_marks = list(self.learnt), dict(self.marks)
        self.place += 1
        await CheckpointIndex(self.world.store, "parcels", 0).advance(
            Latest(
                key=str(self.place),
                state_id=f"parcels.0.1.{self.place}",
                epoch=1,
                offset=self.place,
                cluster_id=self.world.cluster.id,
                sequences=self.kept_marks,
            )
        )

    async def take_up(self) -> None:
        """Begin an epoch on this log, warm from the last checkpoint."""
        self.learnt, self.marks = list(self.kept), dict(self.kept_marks)
        self.taken: dict[TopicPartition, int] = {}
        await self.checkpoint()


@pytest.mark.parametrize("seed", range(10))
async def test_a_log_that_lost_everything_is_filled_from_the_last_checkpoint(seed: int) -> None:
    """What was learnt but not kept in a checkpoint, and what was never learnt, comes again; the rest does not."""
    chance = random.Random(seed)
    world, source = World(speed=60), recording(200)
    trainer = Trainer(world)
    for _ in range(4):
        await trainer.take_up()
        await world.run(source, seconds=chance.randrange(5, 40))
        trainer.learn()
        await trainer.checkpoint()
        await world.run(source, seconds=chance.randrange(5, 40))
        trainer.learn()
        world.cluster.restart()
    await trainer.take_up()
    await world.run(source, seconds=400)
    trainer.learn()
    assert sorted(trainer.learnt) == list(range(len(source)))


async def test_a_log_that_is_replaced_while_it_replays_is_noticed() -> None:
    """Without being restarted itself, it takes the replay up anew on the log that is there now."""
    world, source = World(speed=60), recording()
    restarts = iter([25.0])
    at = next(restarts)

    def restart() -> None:
        nonlocal at
        if world.clock.time >= at:
            at = next(restarts, float("inf"))
            world.cluster.restart()

    world.clock.steps.append(restart)
    await world.run(source, seconds=400)
    assert sorted(world.numbers()) == list(range(len(source)))


async def test_it_waits_for_the_trainer_to_take_up_an_empty_log() -> None:
    """Only the trainer knows which checkpoint it goes on from: until it has said so, nothing is sent."""
    world, source = World(), recording()
    trainer = Trainer(world)
    await trainer.take_up()
    await world.run(source)
    trainer.learn()
    await trainer.checkpoint()
    world.cluster.restart()
    await world.run(source)
    assert world.numbers() == []
    ready, why = world.heard.states[-1]
    assert not ready
    assert "waiting for the trainer" in why


async def test_a_partition_that_forgot_all_of_the_replay_holds_it() -> None:
    """Nobody can tell what was sent: guessing would lose facts or send them twice. It says so and waits."""
    world, source = World(), recording()
    await world.run(source)
    for topic in source.topics:
        for where, records in world.records(topic).items():
            world.cluster.cut(where, before=len(records))
    before = world.heard.facts
    await world.run(source)
    ready, why = world.heard.states[-1]
    assert not ready
    assert "nobody can tell where it stopped" in why
    assert world.heard.facts == before


async def test_a_log_that_cannot_be_reached_is_waited_for() -> None:
    """It says why it waits, and goes on by itself."""

    class Absent(MemoryBus):
        async def cluster_id(self) -> str:
            if world.clock.time < 20:
                raise Unreachable("no broker answers")
            return await super().cluster_id()

    world, source = World(), recording()
    await world.run(source, seconds=100, bus=Absent(world.cluster))
    assert (False, "no broker answers") in world.heard.states
    assert world.heard.states[-1][0]
    assert sorted(world.numbers()) == list(range(len(source)))


async def test_at_the_end_it_says_so_and_stays() -> None:
    """A replay that is over is no failure."""
    world, source = World(limit=7), recording()
    await world.run(source)
    assert sorted(world.numbers()) == list(range(7))
    assert world.heard.states[-1] == (
        True,
        "the recording is over, at 2024-05-01T00:03:30Z; all of it is in the log",
    )


def test_a_use_case_without_a_recording_cannot_be_replayed() -> None:
    """The message says what to do instead."""
    bare: UseCase[object, object, object] = UseCase.__new__(UseCase)  # type: ignore[type-var]
    bare.__dict__.update({**vars(parcels), "source": None})
    with pytest.raises(UseCaseError, match=r"send its events to parcels\.events yourself"):
        Recording.load(bare)


async def test_a_log_replaced_while_it_is_taken_up_does_not_get_the_middle_of_the_recording() -> None:
    """What was asked of one log is not used on another."""
    world, source = World(speed=60), recording()

    class Replaced(MemoryBus):
        times = 0

        async def writer(self) -> MemoryWriter:
            self.times += 1
            if self.times == 2:
                self.cluster.restart()
                await self.ensure_topics(dict.fromkeys(source.topics, 3))
            return await super().writer()

    bus = Replaced(world.cluster)
    await world.run(source, seconds=10, bus=bus)
    await world.run(source, seconds=400, bus=bus)
    assert bus.times == 3
    assert sorted(world.numbers()) == list(range(len(source)))

"""Simulated streams on their way: each fact once whatever is killed, drifts remembered, malformed records among them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice, pairwise, takewhile

import pytest

from millrace import Drifts, Happened, by_day
from millrace.adapters.bus.memory import MemoryBus
from millrace.adapters.bus.port import Message, Record, TopicPartition
from millrace.domain.simulation import Days
from millrace.domain.usecase import AnyUseCase, UseCase
from producers.simulation import PER_DAY, Simulation
from tests.producers.parcels import START, Delivered, MortalBus, Parcel, World, parcels

A_DAY = 40
WISHES = TopicPartition("parcels.simulation", 0)


class Gone(Delivered):
    """A label that names its depot, as every label of a simulator does."""

    depot: str


def depots(seed: int) -> Days:
    def day(day: int, drifts: Drifts) -> Iterator[Happened]:
        rng = random.Random(f"{seed} {day}")
        for place in range(A_DAY):
            number = day * A_DAY + place
            at = START + timedelta(days=day, minutes=30 * place)
            lost = "lost" if drifts.holds("strike", number) else None
            depot = f"d{rng.randrange(5)}"
            label = Gone(
                known_at=at + timedelta(hours=rng.uniform(0.1, 30)),
                parcel_id=f"p{number}",
                minutes_late=1.0,
                depot=depot,
            )
            yield Happened(Parcel(occurred_at=at, parcel_id=f"p{number}", depot=depot, note=lost), 1.0, label)

    return day


def simulated(*, share: float = 0.0, limit: int | None = None) -> Simulation:
    case: AnyUseCase = UseCase.__new__(UseCase)
    simulator = by_day(
        depots,
        scenarios={"strike": "Nothing arrives."},
        begins=START,
        about="",
        events_per_day=A_DAY,
        slowest_label=timedelta(hours=31),
    )
    case.__dict__.update({**vars(parcels), "source": None, "simulator": simulator})
    return Simulation(case, 7, share, limit)


def whole(stream: Simulation, until: int) -> list[tuple[int, bytes | None]]:
    """Return what an undisturbed simulation has up to a number, with the drifts it has."""
    return [
        (it.number, stream.message(it, 0).value) for it in takewhile(lambda it: it.number <= until, stream.since(0))
    ]


def sent(world: World) -> list[tuple[int, bytes | None]]:
    """Return what the log has, by number."""
    records: list[Record] = [
        it for topic in ("parcels.events", "parcels.labels") for them in world.records(topic).values() for it in them
    ]
    return sorted((int(it.header("ce_sequence") or b""), it.value) for it in records)


async def wish(world: World, scenario: str, *, on: bool = True) -> None:
    bus = MemoryBus(world.cluster)
    await bus.ensure_topics({WISHES.topic: 1})
    value = json.dumps({"scenario": scenario, "on": on}).encode()
    await (await bus.writer()).send([Message(WISHES.topic, value, partition=0)])


def decided(world: World) -> list[dict[str, object]]:
    """Return what the producer has written down."""
    values = (it.value or b"" for it in world.records(WISHES.topic)[WISHES])
    turns = [json.loads(it) for it in values if it.startswith(b"{")]
    return [it for it in turns if "at" in it]


@pytest.mark.parametrize("number", [0, 2, PER_DAY, 3 * PER_DAY + 31, 9 * PER_DAY + 40])
def test_taken_up_at_any_number_it_is_the_same(number: int) -> None:
    """Numbers rise, and a stream from one of them on is what the whole has from there."""
    stream = simulated(share=0.1)
    rest = [it for it in islice(stream.since(0), 1_500) if it.number >= number][:300]
    assert list(islice(stream.since(number), 300)) == rest
    assert [it.number for it in rest] == sorted({it.number for it in rest})


@pytest.mark.parametrize("seed", range(12))
async def test_killed_anywhere_it_loses_and_doubles_nothing(seed: int) -> None:
    """Each partition got another part of what was under way; what was begun with is played again and passed over."""
    chance = random.Random(seed)
    world = World(speed=chance.choice([3_600, 36_000]))
    for _ in range(chance.randrange(1, 8)):
        await world.run(
            simulated(share=0.05), seconds=60, bus=MortalBus(world.cluster, chance, life=chance.randrange(1, 90))
        )
    await world.run(simulated(share=0.05), seconds=60)
    found = sent(world)
    assert found == whole(simulated(share=0.05), found[-1][0])


async def test_a_drift_begins_on_demand_and_is_remembered() -> None:
    """The event it began at is in the log before that event; whoever takes the stream up plays the same."""
    world = World(speed=3_600)
    await world.run(simulated(), seconds=30)
    await wish(world, "strike")
    await world.run(simulated(), seconds=30)
    await wish(world, "strike", on=False)
    for _ in range(3):
        await world.run(simulated(), seconds=20)
    begun, ended = decided(world)
    assert (begun["scenario"], ended["on"]) == ("strike", False)
    stream, found = simulated(), sent(world)
    stream.drifts.turn("strike", on=True, at=int(str(begun["at"])))
    stream.drifts.turn("strike", on=False, at=int(str(ended["at"])))
    assert found == whole(stream, found[-1][0])
    lost = [json.loads(value or b"").get("note") for _, value in found]
    assert 0 < lost.count("lost") < len(lost) / 2


async def test_a_wish_that_makes_no_sense_is_passed_over() -> None:
    """Nobody can stop a stream by writing to its topic of wishes."""
    world = World(speed=3_600)
    await wish(world, "flood")
    await (await MemoryBus(world.cluster).writer()).send([Message(WISHES.topic, b"?", partition=0)])
    await world.run(simulated(), seconds=30)
    assert decided(world) == []
    assert len(sent(world)) > 30


async def test_malformed_records_are_few_and_follow_their_event() -> None:
    """They have an odd number, the key and the time of the event before, and no other id is theirs."""
    world = World(speed=0, partitions=1)
    await world.run(simulated(share=0.1, limit=2_000), seconds=30)
    records = [it for them in world.records("parcels.events").values() for it in them]
    broken = [(before, it) for before, it in pairwise(records) if int(it.header("ce_sequence") or b"") % 2]
    assert 40 < len(broken) < 200
    assert all((before.key, before.header("ce_time")) == (it.key, it.header("ce_time")) for before, it in broken)
    assert len({it.header("ce_id") for it in records}) == len(records)


async def test_without_a_share_nothing_is_malformed_and_a_limit_ends_it() -> None:
    """So many facts, and it says that it is over."""
    world = World(speed=0)
    await world.run(simulated(limit=150), seconds=30)
    assert len(sent(world)) == 150
    assert world.heard.states[-1][0]
    assert "the simulation is over" in world.heard.states[-1][1]


def test_a_rate_is_a_speed() -> None:
    """So many events a second, of so many a day."""
    assert simulated().speed_for(10.0) == pytest.approx(10 * 86_400 / A_DAY)

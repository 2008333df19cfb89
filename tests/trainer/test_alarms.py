"""Alarms on their way out of a trainer: to their topic, once, and to its metrics."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

import msgspec

from millrace.domain.records import Alarm
from millrace.runtime.telemetry import value
from tests.trainer.world import START, Parcel, World, learn_all, parcels
from trainer.report import Report

EVENTS = 19_000


def stretched() -> list[Parcel]:
    """Parcels that go ten times as far from the 17,000th on."""
    rng = random.Random(3)
    return [
        Parcel(
            occurred_at=START + timedelta(seconds=20 * i),
            parcel_id=f"p{i}",
            depot="d",
            distance=rng.uniform(1, 50) * (10 if i >= 17_000 else 1),
        )
        for i in range(EVENTS)
    ]


def counted(what: str) -> float:
    labels = {"use_case": parcels.name, "shard": "0", "what": what}
    return value("millrace_drift_alarms_total", labels) or 0.0


async def test_an_alarm_is_published_and_counted(tmp_path: Path) -> None:
    """It stands in the topic of alarms, names the state that raised it, and is seen by Prometheus."""
    world = World(tmp_path, batch_records=1_000, checkpoint_interval=600.0)
    await world.produce(stretched())
    training = await world.trainer()
    bus = world.bus()
    report = Report(training, training._outlets, bus, "")
    report.refresh()
    before = counted("feature")
    await learn_all(training, EVENTS)
    report.refresh()
    alarms = [msgspec.json.decode(value, type=Alarm) for value in await world.values("alarms")]
    found = [it for it in alarms if "km" in (it.name, *it.also)]
    assert len(found) == 1
    assert 17_000 < found[0].event <= EVENTS
    assert found[0].state_id.startswith("parcels.0.1.")
    assert counted("feature") - before == sum(it.what == "feature" for it in alarms)
    assert training.shard.learner.scorecard("").alarms == len(alarms)
    await training.close()
    await bus.close()

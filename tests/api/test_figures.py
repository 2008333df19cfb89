"""Figures of health: those that the parts' metrics have, together, and nothing invented where a part is away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from apps.api.figures import AGE, LAG, PREDICTIONS, Figures, sums
from millrace.runtime.embedded.ports import free_ports
from millrace.runtime.health import Health, HealthServer
from millrace.runtime.telemetry import METRICS, value
from tests.api.world import World

NAME = "parcel-delay"
LABELS = (NAME, "0")


@pytest.fixture
def trainer() -> Iterator[str]:
    """The address of a process that shows a trainer's metrics."""
    server = HealthServer(Health(), "127.0.0.1", 0, "trainer")
    server.start()
    METRICS.lag.labels(*LABELS).set(7)
    METRICS.checkpoint_age.labels(*LABELS).set(12.5)
    METRICS.dead_letters.labels(*LABELS, "invalid").inc(2)
    METRICS.dead_letters.labels(*LABELS, "future").inc(1)
    METRICS.predictions.labels(*LABELS).inc(100)
    METRICS.learnt.labels(*LABELS).inc(80)
    yield f"http://127.0.0.1:{server.port}"
    server.stop()
    for metric in (METRICS.lag, METRICS.checkpoint_age, METRICS.dead_letters, METRICS.predictions, METRICS.learnt):
        metric.clear()


async def test_the_figures_are_those_of_the_parts_metrics(trainer: str) -> None:
    """One source of numbers: what Grafana draws is what the pages say."""
    world = World()
    await world.learn()
    await world.publish()
    async with world.api(measured=trainer) as api:
        await api.ready()
        first = (await api.http.get("/v1/health")).json()
        METRICS.predictions.labels(*LABELS).inc(60)
        METRICS.learnt.labels(*LABELS).inc(30)
        await asyncio.sleep(1.2)
        then = (await api.http.get("/v1/health")).json()
    assert (then["parts"], then["answering"]) == (1, 1)
    figures = then["use_cases"][NAME]
    assert "predictions_per_s" not in first["use_cases"][NAME]
    assert {it: figures[it] for it in ("lag_records", "checkpoint_age_s", "dead_letters")} == {
        "lag_records": 7,
        "checkpoint_age_s": 12.5,
        "dead_letters": 3,
    }
    assert 20 < figures["predictions_per_s"] <= 60
    assert figures["training_samples_per_s"] == pytest.approx(figures["predictions_per_s"] / 2)
    assert 0 <= figures["state_age_s"] < 10


async def test_a_part_that_is_away_leaves_its_figures_out() -> None:
    """No answer is not zero; what this replica knows itself it says all the same."""
    world = World()
    await world.learn()
    await world.publish()
    async with world.api(measured=f"http://127.0.0.1:{free_ports(1)[0]}") as api:
        await api.ready()
        found = (await api.http.get("/v1/health")).json()
    assert (found["parts"], found["answering"]) == (1, 0)
    assert set(found["use_cases"][NAME]) == {"state_age_s"}


async def test_many_who_ask_are_one_look(trainer: str) -> None:
    """Pages and scripts may ask as often as they like: parts are asked once a second."""
    now = [100.0]
    figures = Figures([trainer], now=lambda: now[0])
    await figures.look()
    METRICS.lag.labels(*LABELS).set(9)
    await asyncio.gather(*(figures.look() for _ in range(20)))
    assert figures.of(NAME, None).lag_records == 7
    now[0] += 1.5
    await figures.look()
    assert figures.of(NAME, None).lag_records == 9
    await figures.close()


async def test_a_trainer_that_begins_anew_never_flows_backwards(trainer: str) -> None:
    """Its counts begin at nothing; a rate below 0 is no rate."""
    now = [100.0]
    figures = Figures([trainer], now=lambda: now[0])
    await figures.look()
    METRICS.predictions.clear()
    METRICS.predictions.labels(*LABELS).inc(5)
    now[0] += 2.0
    await figures.look()
    assert figures.of(NAME, None).predictions_per_s is None
    METRICS.predictions.labels(*LABELS).inc(8)
    now[0] += 2.0
    await figures.look()
    assert figures.of(NAME, None).predictions_per_s == 4.0
    await figures.close()


def test_shards_are_added_up_and_the_oldest_checkpoint_counts() -> None:
    """Two trainers of one use case are one line."""
    texts = [
        f'{PREDICTIONS}{{shard="{shard}",use_case="a"}} {count}\n{LAG}{{shard="{shard}",use_case="a"}} {count}\n'
        f'{AGE}{{shard="{shard}",use_case="a"}} {count}\nother_total 4\n'
        for shard, count in (("0", 3.0), ("1", 5.0))
    ]
    assert sums(texts) == {(PREDICTIONS, "a"): 8.0, (LAG, "a"): 8.0, (AGE, "a"): 5.0}


async def test_a_replica_says_where_its_state_comes_from_and_how_far_it_reaches() -> None:
    """What dashboards draw by replica: source, age, and the newest event it has learnt from."""
    world = World()
    await world.learn()
    await world.publish()
    async with world.api() as api:
        answer = await api.ready()
        sources = {it: value("millrace_served_from", _of(serving_from=it)) for it in ("live", "registered")}
        assert sources == {"live": 1.0, "registered": 0.0}
        assert value("millrace_served_degraded", _of()) == 0.0
        assert 0 <= (value("millrace_served_state_age_seconds", _of()) or 0) < 20
        until = datetime.fromtimestamp(value("millrace_served_trained_until_timestamp_seconds", _of()) or 0, UTC)
        assert until == datetime.fromisoformat(answer["trained_until"])
        assert value("millrace_part_ready") == 1.0


def _of(**more: str) -> dict[str, str]:
    return {"use_case": NAME, **more}

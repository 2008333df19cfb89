"""What is exported is what the log holds, typed, within the time asked for; an export is whole or not there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from millrace.adapters.archive.exported import Span, export
from millrace.adapters.bus.port import Message
from millrace.domain.errors import Refused
from tests.kafka import embedded_bus, embedded_log
from tests.trainer.test_opening import learnt
from tests.trainer.world import START, Delivered, Parcel, World, facts, parcels

STREAM = facts(900)
ALWAYS = Span()


@pytest.fixture(params=["memory", "embedded"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    if request.param == "memory":
        yield World(tmp_path)
    else:
        with embedded_log(tmp_path) as place:
            yield World(tmp_path, lambda: embedded_bus(place), idle_timeout=0.3)


async def exported(world: World, kind: Any, to: Path, span: Span = ALWAYS) -> list[dict[str, Any]]:
    bus = world.bus()
    try:
        count = await export(kind, parcels, bus, to, span)
    finally:
        await bus.close()
    rows: list[dict[str, Any]] = parquet.read_table(to).to_pylist()
    assert count.rows == len(rows)
    return rows


async def test_predictions_are_those_of_the_log(world: World, tmp_path: Path) -> None:
    """One a row, its fields as columns, with the place in the log."""
    await learnt(world, 50)
    rows = await exported(world, "predictions", tmp_path / "p.parquet")
    written = await world.predictions()
    assert sorted(it["event_id"] for it in rows) == sorted(str(it["event_id"]) for it in written)
    assert {it["event_id"]: it["value"] for it in rows} == {it["event_id"]: it["value"] for it in written}
    assert all(it["occurred_at"].tzinfo is not None and it["offset"] >= 0 for it in rows)


async def test_labels_are_those_of_the_time_asked_for(world: World, tmp_path: Path) -> None:
    """From the first moment on, up to the last without it."""
    await world.produce(STREAM)
    span = Span(START + timedelta(hours=1), START + timedelta(hours=3))
    rows = await exported(world, "labels", tmp_path / "l.parquet", span)
    wanted = [it for it in STREAM if isinstance(it, Delivered) and span.has(it.known_at)]
    assert {it["parcel_id"]: it["minutes_late"] for it in rows} == {it.parcel_id: it.minutes_late for it in wanted}
    assert 0 < len(rows) < sum(isinstance(it, Delivered) for it in STREAM)


async def test_a_topic_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """It is named, and no file is left. (The embedded log makes any topic it is asked about.)"""
    bus = World(tmp_path).bus()
    with pytest.raises(Refused, match=parcels.topic("predictions")):
        await export("predictions", parcels, bus, tmp_path / "p.parquet", ALWAYS)
    await bus.close()
    assert not list(tmp_path.glob("*p.parquet*"))


async def test_an_interrupted_export_leaves_no_file(tmp_path: Path) -> None:
    """What was there before stays as it was."""
    world, to = World(tmp_path), tmp_path / "l.parquet"
    to.write_text("before")
    await world.produce(STREAM)

    def interrupt(_done: int, _of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await export("labels", parcels, world.bus(), to, ALWAYS, progress=interrupt)
    assert to.read_text() == "before"
    assert [it.name for it in tmp_path.glob("*.parquet*")] == ["l.parquet"]


async def test_a_record_that_is_no_label_is_counted(tmp_path: Path) -> None:
    """It is in no row."""
    world = World(tmp_path)
    await world.produce([it for it in STREAM[:20] if isinstance(it, Parcel)])
    writer = await world.bus().writer()
    await writer.send([Message(parcels.topic("labels"), b"no label", partition=0)])
    count = await export("labels", parcels, world.bus(), tmp_path / "l.parquet", ALWAYS)
    assert (count.rows, count.unreadable) == (0, 1)

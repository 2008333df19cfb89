"""The features of past predictions are those the models saw, made again from what is kept."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pyarrow import parquet

from millrace import Candidate, Model, UseCase
from millrace.adapters.archive.exported import Span
from millrace.adapters.archive.features import feature_schema, fitting
from millrace.domain.errors import HistoryLost, Refused
from millrace.domain.records import Prediction
from millrace.domain.usecase import AnyUseCase
from tests.trainer.world import KEYS, START, Parcel, World, facts, learn_all, linear, parcels
from trainer.features import Exported, FeatureExport

N = 300
STREAM = facts(N)
ALWAYS = Span()


def summing() -> Model:
    """Return a model that learns nothing: what it predicts is the sum of the features, once it was given one to learn."""
    from river import linear_model, optim

    still = optim.SGD(0.0)
    return linear_model.LinearRegression(still, initializer=optim.initializers.Constant(1.0), intercept_lr=0.0)


summed: AnyUseCase = UseCase(
    parcels.name,
    parcels.question,
    parcels.event,
    parcels.profiles,
    features=parcels.features,
    task=parcels.task,
    candidates={"sum": Candidate(summing), "linear": Candidate(linear)},
    baselines=parcels.baselines,
)


async def learnt(tmp_path: Path, use_case: AnyUseCase = summed) -> World:
    """A world in which all was learnt, with checkpoints on the way."""
    world = World(tmp_path, use_case=use_case)
    await world.produce(STREAM)
    training = await world.trainer()
    await learn_all(training, N)
    await training._outlets.checkpoints.now(training.shard)
    await training.close()
    return world


async def exported(world: World, to: Path, span: Span = ALWAYS) -> tuple[Exported, list[dict[str, Any]]]:
    bus = world.bus()
    done = await FeatureExport(world.use_case, bus, world.store, KEYS.verify).write(to, span)
    await bus.close()
    return done, parquet.read_table(to).to_pylist()


async def published(world: World) -> dict[str, Prediction]:
    found = [msgspec.json.decode(it, type=Prediction) for it in await world.values("predictions")]
    return {it.event_id: it for it in found}


async def test_what_is_predicted_from_exported_features_is_what_was_published(tmp_path: Path) -> None:
    """For every event; and each row carries its prediction as it was written."""
    world = await learnt(tmp_path)
    done, rows = await exported(world, tmp_path / "f.parquet")
    written = await published(world)
    assert (done.rows, done.earlier_epochs, done.unreplayed) == (N, 0, 0)
    assert len({row["features.usual"] for row in rows}) > 20
    summed_up = 0
    for row in rows:
        its = written[row["event_id"]]
        km, usual, busy = (row[f"features.{name}"] for name in ("km", "usual", "busy"))
        assert its.by_candidate["usual"] == usual
        if its.by_candidate["sum"] != 0.0:
            assert its.by_candidate["sum"] == row["value"] == pytest.approx(km + usual + busy, rel=1e-12)
            summed_up += 1
        assert (its.state_id, its.occurred_at) == (row["state_id"], row["occurred_at"])
        assert its.by_candidate == msgspec.json.decode(row["by_candidate"])
    assert summed_up > N - 40  # the others came before the first label, when the model was new


async def test_a_span_is_replayed_from_the_checkpoint_before_it(tmp_path: Path) -> None:
    """With the same features as an export of everything has, and no others."""
    world = await learnt(tmp_path)
    _, every = await exported(world, tmp_path / "f.parquet")
    span = Span(START + timedelta(minutes=60), START + timedelta(minutes=80))
    replayed: list[int] = []
    bus = world.bus()
    export = FeatureExport(world.use_case, bus, world.store, KEYS.verify, None, lambda _done, of: replayed.append(of))
    done = await export.write(tmp_path / "some.parquet", span)
    await bus.close()
    rows = parquet.read_table(tmp_path / "some.parquet").to_pylist()
    assert rows == [it for it in every if span.has(it["occurred_at"])]
    assert done.rows == sum(isinstance(it, Parcel) and span.has(it.occurred_at) for it in STREAM) == 60


async def test_what_was_made_before_the_oldest_checkpoint_is_told(tmp_path: Path) -> None:
    """It is counted; where it is all that was asked for, nothing is written."""
    world = await learnt(tmp_path)
    kept = await world.checkpoints().index.newest_first()
    for it in kept[1:]:
        await world.store.delete(it.key)
    with pytest.raises(HistoryLost, match="before the oldest checkpoint kept: say a later --since"):
        await exported(world, tmp_path / "f.parquet")
    assert not list(tmp_path.glob("*f.parquet*"))


async def test_a_time_without_predictions_is_refused(tmp_path: Path) -> None:
    """Rather than a file with nothing in it."""
    world = await learnt(tmp_path)
    with pytest.raises(Refused, match="no predictions of parcels of that time"):
        await exported(world, tmp_path / "f.parquet", Span(START - timedelta(days=2), START - timedelta(days=1)))


def test_a_column_is_of_one_type() -> None:
    """Numbers are numbers whichever they are; a text among them is refused with its event."""
    first: list[dict[str, Any]] = [{"features.a": 1, "features.b": True}, {"features.a": 2.5, "features.b": False}]
    schema = feature_schema(first)
    assert fitting([{"features.a": 3, "features.b": True}], schema) == [{"features.a": 3.0, "features.b": True}]
    with pytest.raises(Refused, match="feature 'a' of event e is 'x', and was bool or int or float before"):
        fitting([{"event_id": "e", "features.a": "x"}], schema)
    with pytest.raises(Refused, match="feature 'c' of event e is 1, and was absent before"):
        fitting([{"event_id": "e", "features.c": 1}], schema)

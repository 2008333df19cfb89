"""What every registry keeps to: the twin in memory and real MLflow servers, on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from millrace.adapters.checkpoints.memory import MemoryStore
from millrace.adapters.checkpoints.s3 import open_store
from millrace.adapters.registry.memory import MemoryRegistry
from millrace.adapters.registry.mlflow import MlflowRegistry, open_registry
from millrace.adapters.registry.port import Registration, Registry
from millrace.domain.errors import NotReady, Unreachable
from millrace.runtime.settings import Connections
from millrace.usecases import default
from tests.adapters.conftest import free_port, silence

USE_CASE = default()


@pytest.fixture(params=["memory", "mlflow", "postgres", "chart"])
async def registry(request: pytest.FixtureRequest) -> AsyncIterator[Registry]:
    if request.param == "memory":
        opened: Registry = MemoryRegistry()
    else:
        connections = request.getfixturevalue(f"{request.param}_connections")
        _forget_all(connections)
        opened = open_registry(connections)
    yield opened
    await opened.close()


def _forget_all(connections: Connections) -> None:
    client = mlflow_client(connections)
    if client.search_registered_models(f"name='{USE_CASE}'"):
        client.delete_registered_model(USE_CASE)


def mlflow_client(connections: Connections) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=connections.mlflow, registry_uri=connections.mlflow)


def state(offset: int, **more: Any) -> Registration:
    fields = {
        "use_case": USE_CASE,
        "question": "How late?",
        "state_id": f"{USE_CASE}.0.1.{offset}",
        "champion": "linear",
        "trained_until": "2013-05-01T00:00:00Z",
        "checkpoint_key": f"{USE_CASE}/0/1/{offset:020d}.checkpoint",
        "events": offset,
        "sealed": b"sealed %d" % offset,
        "metrics": {
            "linear": {"mae": 10.0 + offset, "recent_mae": 9.5, "r2": float("nan")},
            "the usual": {"mae": 14.0},
        },
        "params": {"linear": {"model": "StandardScaler | LinearRegression"}},
    }
    return Registration(**{**fields, **more})


async def test_nothing_is_registered_at_first(registry: Registry) -> None:
    """Before the first registration there is no version and no alias."""
    assert await registry.versions(USE_CASE) == []
    assert await registry.resolve(USE_CASE, "champion") is None
    assert await registry.resolve(USE_CASE, "1") is None


async def test_a_version_says_which_state_it_is(registry: Registry) -> None:
    """A version names its state, champion, time and checkpoint, and carries the champion's metrics."""
    made = await registry.register(state(7, tags={"why": "promotion"}))
    assert made == await registry.resolve(USE_CASE, "champion") == await registry.resolve(USE_CASE, str(made.version))
    assert (made.state_id, made.champion, made.trained_until) == (f"{USE_CASE}.0.1.7", "linear", "2013-05-01T00:00:00Z")
    assert made.metrics["mae"] == 17.0
    assert made.tags == {"why": "promotion", "checkpoint": f"{USE_CASE}/0/1/{7:020d}.checkpoint"}
    assert made.aliases == ("champion",)
    assert made.created_at.endswith("Z")
    assert await registry.sealed(made) == b"sealed 7"


async def test_the_newest_version_is_the_champion_and_comes_first(registry: Registry) -> None:
    """Each registration moves alias `champion`; versions are listed newest first."""
    first = await registry.register(state(1))
    second = await registry.register(state(2))
    assert second.version > first.version
    assert [it.version for it in await registry.versions(USE_CASE)] == [second.version, first.version]
    assert [it.aliases for it in await registry.versions(USE_CASE)] == [("champion",), ()]


async def test_a_state_registered_twice_is_one_version(registry: Registry) -> None:
    """A registration that was cut off is made again, under the version it had."""
    first = await registry.register(state(3))
    assert (await registry.register(state(3))).version == first.version
    assert len(await registry.versions(USE_CASE)) == 1


async def test_an_alias_moves_what_is_named(registry: Registry) -> None:
    """An operator points an alias at any version; what it names changes, nothing else does."""
    first = await registry.register(state(1))
    await registry.register(state(2))
    await registry.set_alias(USE_CASE, "champion", first.version)
    champion = await registry.resolve(USE_CASE, "champion")
    assert champion is not None
    assert champion.state_id == f"{USE_CASE}.0.1.1"
    with pytest.raises(NotReady, match="no version 99999"):
        await registry.set_alias(USE_CASE, "champion", 99999)


async def test_retention_spares_what_is_named(registry: Registry) -> None:
    """The newest N stay, and whatever an alias names or was promoted; the artifact of the others goes with them."""
    made = [await registry.register(state(n, tags={"promoted": "true"} if n == 2 else {})) for n in range(6)]
    await registry.set_alias(USE_CASE, "rollback", made[0].version)
    deleted = await registry.retain(USE_CASE, 2)
    assert deleted == [made[3].version, made[1].version]
    left = [it.version for it in await registry.versions(USE_CASE)]
    assert left == [made[n].version for n in (5, 4, 2, 0)]
    with pytest.raises(NotReady):
        await registry.sealed(made[1])
    assert await registry.sealed(made[0]) == b"sealed 0"
    assert await registry.retain(USE_CASE, 2) == []


async def test_two_who_register_at_once_both_do(registry: Registry) -> None:
    """Registrations of different states at once make two versions."""
    await registry.register(state(1))
    await asyncio.gather(registry.register(state(2)), registry.register(state(3)))
    assert len(await registry.versions(USE_CASE)) == 3


async def test_each_candidate_has_one_run_for_ever(real_registry: Connections) -> None:
    """One experiment a use case, one run a candidate or baseline, metrics by the same names at step = events; another
    process finds the same runs."""
    for offset in (100, 200):
        registry = open_registry(real_registry)
        await registry.register(state(offset))
        await registry.close()
    client = mlflow_client(real_registry)
    experiment = client.get_experiment_by_name(USE_CASE)
    found = client.search_runs([experiment.experiment_id])
    runs = {run.data.tags["candidate"]: run for run in found}
    assert len(runs) == len(found)
    assert set(runs) >= {"linear", "the usual"}
    assert runs["linear"].info.run_name == "linear"
    assert runs["linear"].data.params == {"model": "StandardScaler | LinearRegression"}
    assert "r2" not in runs["linear"].data.metrics  # not a number, so not said
    for name, first in (("linear", 110.0), ("the usual", 14.0)):
        history = client.get_metric_history(runs[name].info.run_id, "mae")
        points = {point.step: point.value for point in history}
        assert points[100] == first
        assert 200 in points


async def test_a_run_that_was_deleted_is_made_anew(real_registry: Connections) -> None:
    """Somebody deletes a run by hand: one registration fails, the next one goes through with a new run."""
    registry = open_registry(real_registry)
    await registry.register(state(300))
    client = mlflow_client(real_registry)
    experiment = client.get_experiment_by_name(USE_CASE)
    for run in client.search_runs([experiment.experiment_id]):
        client.delete_run(run.info.run_id)
    with pytest.raises(Unreachable):
        await registry.register(state(301))
    assert (await registry.register(state(301))).state_id == f"{USE_CASE}.0.1.301"
    await registry.close()


async def test_a_registry_that_is_away_is_unreachable(s3_connections: Connections) -> None:
    """MLflow away: the artifact is written, the call fails within seconds, and naming the address."""
    store = open_store(s3_connections, "mlflow-artifacts")
    registry = MlflowRegistry(f"http://127.0.0.1:{free_port()}", store)
    with pytest.raises(Unreachable, match=r"MLflow at http:\S+ does not answer"):
        await registry.register(state(1))
    assert await store.get(f"{USE_CASE}/{USE_CASE}.0.1.1/MLmodel")
    await registry.close()


async def test_a_registry_that_hangs_is_unreachable_in_time() -> None:
    """MLflow takes a connection and never answers: the loop goes on, the call fails within the time-out."""
    await MemoryRegistry().versions(USE_CASE)
    async with silence() as port:
        registry = MlflowRegistry(f"http://127.0.0.1:{port}", MemoryStore(), timeout=0.5)
        began = time.monotonic()
        with pytest.raises(Unreachable, match=r"MLflow at http:\S+ (does not answer|gave no answer in time)"):
            await registry.versions(USE_CASE)
        assert time.monotonic() - began < 8
        await registry.close()


async def test_an_artifact_deleted_by_hand_is_named(real_registry: Connections) -> None:
    """A version whose artifact is gone says so, and where it should be."""
    registry = open_registry(real_registry)
    made = await registry.register(state(400))
    store = open_store(real_registry, real_registry.artifacts_bucket)
    for key in await store.keys(f"{USE_CASE}/{made.state_id}"):
        await store.delete(key)
    with pytest.raises(NotReady, match="is gone from s3://"):
        await registry.sealed(made)
    await registry.close()

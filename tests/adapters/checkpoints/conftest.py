"""The stores that the suites of checkpoints run over: the twin in memory, the embedded store, and MinIO where it is built."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest

from millrace.adapters.checkpoints.memory import MemoryStore
from millrace.adapters.checkpoints.port import ObjectStore
from millrace.adapters.checkpoints.s3 import open_store
from millrace.runtime.settings import Connections
from tests.chart.servers import WHY_NOT_MINIO, is_minio_here, servers

RACING = 20.0
"""Seconds a call may take here: time for fifty to race."""


@pytest.fixture(scope="session")
def minio_connections(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connections]:
    """MinIO as the chart starts it, seen by one who may make buckets."""
    if not is_minio_here():
        pytest.skip(WHY_NOT_MINIO)
    with servers(tmp_path_factory.mktemp("minio"), "s3") as made:
        yield made.connections("root")


@pytest.fixture(params=["s3", "minio"])
def real_store(request: pytest.FixtureRequest) -> Connections:
    """Return how a real store is reached."""
    found = request.getfixturevalue(f"{request.param}_connections")
    assert isinstance(found, Connections)
    return found


@pytest.fixture(params=["memory", "s3", "minio"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[ObjectStore]:
    bucket = f"test-{uuid4().hex[:12]}"
    if request.param == "memory":
        opened: ObjectStore = MemoryStore(bucket)
    else:
        opened = open_store(request.getfixturevalue(f"{request.param}_connections"), bucket, timeout=RACING)
    yield opened
    await opened.close()

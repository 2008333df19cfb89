"""MLflow's servers that the suite of registries runs over: the embedded one, and the chart's on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from millrace.runtime.settings import Connections
from tests.chart.servers import WHY_NOT_MINIO, is_minio_here, servers


@pytest.fixture(scope="session")
def postgres_connections(
    tmp_path_factory: pytest.TempPathFactory, s3_connections: Connections
) -> Iterator[Connections]:
    """The chart's MLflow on PostgreSQL; its artifacts lie on the embedded store."""
    with servers(tmp_path_factory.mktemp("postgres"), "s3", "postgres", "mlflow", minio=False) as made:
        yield made.connections("trainer")


@pytest.fixture(scope="session")
def chart_connections(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connections]:
    """The chart's MLflow on PostgreSQL and MinIO, as the trainer sees them."""
    if not is_minio_here():
        pytest.skip(WHY_NOT_MINIO)
    with servers(tmp_path_factory.mktemp("chart"), "s3", "postgres", "mlflow") as made:
        yield made.connections("trainer")


@pytest.fixture(params=["mlflow", "postgres", "chart"])
def real_registry(request: pytest.FixtureRequest) -> Connections:
    """Return how a real registry is reached."""
    found = request.getfixturevalue(f"{request.param}_connections")
    assert isinstance(found, Connections)
    return found

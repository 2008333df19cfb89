"""The job that makes buckets, users and rights, on MinIO itself where it is at hand (`make servers-test` builds it)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from millrace.adapters.checkpoints.s3 import S3Objects
from millrace.domain.errors import Unreachable
from tests.chart.servers import WHY_NOT_MINIO, Servers, is_minio_here, servers

pytestmark = pytest.mark.skipif(not is_minio_here(), reason=WHY_NOT_MINIO)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Servers]:
    """MinIO, with buckets, users and rights."""
    with servers(tmp_path, "s3") as made:
        yield made


def as_user(store: Servers, who: str, bucket: str) -> S3Objects:
    """Return a bucket as one of the users sees it."""
    return S3Objects(store.connections(who), bucket)


async def test_each_user_may_do_what_it_needs_and_no_more(store: Servers) -> None:
    """Made twice over, as an upgrade does: the trainer writes, the reader reads, MLflow sees its artifacts only."""
    again = store.make_buckets()
    assert again.returncode == 0, again.stdout + again.stderr
    trainer = as_user(store, "trainer", "checkpoints")
    await trainer.put("uc/0/1/a.checkpoint", b"a state")
    assert await trainer.move_pointer("uc/0/latest", b"a", expected=None)
    assert await trainer.get("uc/0/1/none") is None
    await as_user(store, "trainer", "mlflow-artifacts").put("uc/model", b"a model")
    reader = as_user(store, "reader", "checkpoints")
    assert await reader.get("uc/0/1/a.checkpoint") == b"a state"
    assert await reader.get("uc/0/1/none") is None
    with pytest.raises(Unreachable):
        await reader.put("uc/0/1/b", b"")
    assert await as_user(store, "mlflow", "mlflow-artifacts").get("uc/model") == b"a model"
    with pytest.raises(Unreachable):
        await as_user(store, "mlflow", "checkpoints").get("uc/0/1/a.checkpoint")
    with pytest.raises(Unreachable):
        await as_user(store, "trainer", "delta-lake").put("x", b"")

"""The job that makes buckets, users and rights, on MinIO itself where it is at hand (docs/deploy.md says how to build it)."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from millrace.adapters.checkpoints.s3 import S3Objects
from millrace.domain.errors import Unreachable
from millrace.runtime.settings import Connections
from tests.adapters.conftest import free_port
from tests.chart.rendering import TOOLS, one

WHERE = f"{TOOLS}{os.pathsep}{os.environ.get('PATH', '')}"
TOGETHER = [shutil.which(name, path=WHERE) for name in ("minio", "mc")]

pytestmark = pytest.mark.skipif(
    None in TOGETHER, reason="minio and mc are not here; building them takes ten minutes, which CI does not spend"
)

USERS = {"TRAINER": "its-trainer", "READER": "its-reader", "MLFLOW": "its-mlflow"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """MinIO, started as the chart starts it."""
    folder, port = tmp_path_factory.mktemp("minio"), free_port()
    (container,) = one("StatefulSet", "-s3")["spec"]["template"]["spec"]["containers"]
    given = {"/data": str(folder / "data"), ":9000": f"127.0.0.1:{port}"}
    argv = [given.get(word, word) for word in container["command"]]
    told = {it["name"]: it["value"] for it in container["env"] if "value" in it}
    told |= {"MINIO_ROOT_USER": "root", "MINIO_ROOT_PASSWORD": "root-password", "HOME": str(folder)}
    with (folder / "log").open("wb") as out:
        process = subprocess.Popen(argv, env={**os.environ, **told, "PATH": WHERE}, stdout=out, stderr=out)
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while not _ready(address):
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.2)
        yield address
    finally:
        process.kill()
        process.wait()


def _ready(address: str) -> bool:
    try:
        return httpx.get(f"{address}/minio/health/ready").status_code == 200
    except httpx.HTTPError:
        return False


def made(store: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the job's script as it is rendered."""
    data = one("ConfigMap", "-buckets")["data"]
    for name, text in data.items():
        (folder / name).write_text(text.replace("/tmp/mc", str(folder / "mc")).replace("/config", str(folder)))
    told = {"ENDPOINT": store, "ROOT_USER": "root", "ROOT_PASSWORD": "root-password", "PATH": WHERE}
    told |= {f"{who}_USER": name for who, name in USERS.items()}
    told |= {f"{who}_PASSWORD": f"{name}-password" for who, name in USERS.items()}
    (container,) = one("Job", "-buckets-1")["spec"]["template"]["spec"]["containers"]
    told["BUCKETS"] = next(it["value"] for it in container["env"] if it["name"] == "BUCKETS")
    argv = ["sh", str(folder / "buckets.sh")]
    return subprocess.run(argv, env={**os.environ, **told}, capture_output=True, text=True, check=False, timeout=60)


def as_user(store: str, name: str, bucket: str) -> S3Objects:
    """Return a bucket as one of the users sees it."""
    told = {"s3_endpoint": store, "s3_access_key": name, "s3_secret_key": f"{name}-password"}
    return S3Objects(Connections.model_validate(told), bucket)


async def test_each_user_may_do_what_it_needs_and_no_more(store: str, tmp_path: Path) -> None:
    """Twice over, as an upgrade does: the trainer writes, the reader reads, MLflow sees its artifacts only."""
    for _ in range(2):
        done = made(store, tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    trainer = as_user(store, USERS["TRAINER"], "checkpoints")
    await trainer.put("uc/0/1/a.checkpoint", b"a state")
    assert await trainer.move_pointer("uc/0/latest", b"a", expected=None)
    assert await trainer.get("uc/0/1/none") is None
    await as_user(store, USERS["TRAINER"], "mlflow-artifacts").put("uc/model", b"a model")
    reader = as_user(store, USERS["READER"], "checkpoints")
    assert await reader.get("uc/0/1/a.checkpoint") == b"a state"
    assert await reader.get("uc/0/1/none") is None
    with pytest.raises(Unreachable):
        await reader.put("uc/0/1/b", b"")
    assert await as_user(store, USERS["MLFLOW"], "mlflow-artifacts").get("uc/model") == b"a model"
    with pytest.raises(Unreachable):
        await as_user(store, USERS["MLFLOW"], "checkpoints").get("uc/0/1/a.checkpoint")
    with pytest.raises(Unreachable):
        await as_user(store, USERS["TRAINER"], "delta-lake").put("x", b"")

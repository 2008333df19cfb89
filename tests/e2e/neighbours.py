"""What the platform leans on, with what tells its figures, as the chart starts them: Valkey, MLflow, MinIO, Kafka's exporter.

Valkey and MLflow come from wheels. Debian has an exporter for Redis; MinIO and kafka_exporter have to be brought: who is not
here has a reason in `away`.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx

from millrace.runtime.embedded.log import listens
from millrace.runtime.embedded.part import Part
from millrace.runtime.embedded.redis import _binary
from observability.foreign import KAFKA, MINIO, MLFLOW, REDIS, Source
from observability.scrape import BESIDE, TARGETS
from tests.adapters.conftest import free_port
from tests.chart.rendering import TOOLS, Object, one
from tests.kafka import real_kafka
from tests.platform import UP

PROGRAMS = {
    MINIO: ("minio",),
    REDIS: ("redis_exporter", "prometheus-redis-exporter"),
    KAFKA: ("kafka_exporter",),
}
SECRETS = {"root-user": "root", "access-key": "root", "password": "a-password"}
KEY = "root-password"


def program(source: Source) -> str | None:
    """Return the path of what tells a service's figures, by any of its names."""
    where = f"{TOOLS}{os.pathsep}{os.environ.get('PATH', '')}"
    return next((found for name in PROGRAMS[source] if (found := shutil.which(name, path=where))), None)


class Neighbours:
    """Those that run: how the platform is told of them, and where Prometheus finds their figures."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {name: free_port() for name in ("redis", "exporter", "s3", "mlflow", "kafka-exporter")}
        self.options: list[str] = []
        self.settings: dict[str, str] = {}
        self.addresses: dict[str, str] = {}
        self.here: set[Source] = set()
        self.away = {source: f"no {names[0]}" for source, names in PROGRAMS.items() if not program(source)}
        self.store = f"http://127.0.0.1:{self.ports['s3']}"
        self._whole = {"/data": f"{folder}/data", ":9000": f"127.0.0.1:{self.ports['s3']}", "0.0.0.0": "127.0.0.1"}
        self._inside = {
            "/tmp": str(folder),
            "$(POD_IP):5000": f"127.0.0.1:{self.ports['mlflow']}",
            "http://m-millrace-s3:9000": self.store,
            "redis://localhost:6379": f"redis://127.0.0.1:{self.ports['redis']}",
        }

    def runs(self, source: Source, name: str, port: str) -> None:
        """Take note that a service tells its figures at a port."""
        self.here.add(source)
        self.addresses[name] = f"127.0.0.1:{self.ports[port]}"

    def jobs(self) -> list[dict[str, object]]:
        """Return what Prometheus is told of them, under the jobs that queries look for."""
        return [
            {
                "job_name": target.job,
                "metrics_path": target.path,
                "static_configs": [{"targets": [self.addresses[target.part]]}],
            }
            for target in TARGETS
            if target.part in self.addresses and target.part in BESIDE
        ]

    def part(self, name: str, argv: list[str], told: dict[str, str], answers: str) -> Part:
        """Return a process that is ready when it answers: at a URL, or at an address."""

        def ready() -> bool:
            return _answers(answers) if answers.startswith("http") else listens(answers)

        return Part(name=name, argv=argv, env=told, address=answers, ready=ready, order=0)

    def valkey(self) -> Part:
        """Return the online store."""
        its, port = _container("Deployment", "-redis", "redis"), self.ports["redis"]
        (self.folder / "valkey-server").symlink_to(_binary())
        shell, option, command = its["command"]
        command = command.replace("--dir /tmp", f"--dir {self.folder} --bind 127.0.0.1 --port {port}")
        path = f"{self.folder}{os.pathsep}{os.environ['PATH']}"
        return self.part("redis", [shell, option, command], {**self.env(its), "PATH": path}, f"127.0.0.1:{port}")

    def exporter(self) -> Part:
        """Return what tells the online store's figures."""
        its, listen = _container("Deployment", "-redis", "exporter"), f"127.0.0.1:{self.ports['exporter']}"
        told = {**self.env(its), "REDIS_EXPORTER_WEB_LISTEN_ADDRESS": listen}
        return self.part("redis-exporter", [program(REDIS) or ""], told, f"http://{listen}/health")

    def minio(self) -> Part:
        """Return the object store."""
        its = _container("StatefulSet", "-s3", "minio")
        argv = [program(MINIO) or "", *(self.words(its["command"][1:]))]
        return self.part("s3", argv, self.env(its), f"{self.store}/minio/health/ready")

    def mlflow(self) -> Part:
        """Return the registry, on a file instead of PostgreSQL."""
        its, port = _container("Deployment", "-mlflow", "mlflow"), str(self.ports["mlflow"])
        argv = [sys.executable, "-m", "mlflow", *self.words(its["args"])]
        argv[argv.index("--port") + 1] = port
        told = {**self.env(its), "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{self.folder / 'mlflow.db'}"}
        return self.part("mlflow", argv, told, f"http://127.0.0.1:{port}/health")

    def kafka_exporter(self, brokers: str) -> Part:
        """Return what tells the brokers' figures."""
        its, listen = (
            _container("Deployment", "-kafka-exporter", "exporter"),
            f"127.0.0.1:{self.ports['kafka-exporter']}",
        )
        flags = [it for it in its["args"] if not it.startswith("--kafka.server=")]
        argv = [program(KAFKA) or "", f"--kafka.server={brokers}", f"--web.listen-address={listen}", *flags]
        return self.part("kafka-exporter", argv, {}, f"http://{listen}/healthz")

    def words(self, said: list[str]) -> list[str]:
        """Return a command's words with folders and addresses of this machine."""
        return [self._localised(word) for word in said]

    def env(self, its: Object) -> dict[str, str]:
        """Return a container's variables, likewise."""
        return {it["name"]: self._localised(_value(it)) for it in its.get("env", ()) if "fieldRef" not in str(it)}

    def _localised(self, text: str) -> str:
        for there, here in self._inside.items():
            text = text.replace(there, here)
        return self._whole.get(text, text)


@contextmanager
def neighbours(folder: Path) -> Iterator[Neighbours]:
    """Run those that can be had here."""
    made = Neighbours(folder)
    with ExitStack() as stack:

        def start(part: Part) -> None:
            stack.enter_context(_running(part, folder / f"{part.name}.log"))

        start(made.valkey())
        made.options += ["--redis", f"redis://:{SECRETS['password']}@127.0.0.1:{made.ports['redis']}/0"]
        if program(REDIS):
            start(made.exporter())
            made.runs(REDIS, "redis", "exporter")
        if program(MINIO):
            start(made.minio())
            made.options += ["--s3", made.store]
            made.settings |= {"S3_ACCESS_KEY": "root", "S3_SECRET_KEY": KEY}
            made.runs(MINIO, "minio", "s3")
        if program(KAFKA):
            broker = stack.enter_context(real_kafka(folder / "kafka"))
            start(made.kafka_exporter(broker.address))
            made.options += ["--kafka", broker.address]
            made.runs(KAFKA, "kafka", "kafka-exporter")
        start(made.mlflow())
        made.options += ["--mlflow", f"http://127.0.0.1:{made.ports['mlflow']}"]
        made.runs(MLFLOW, "mlflow", "mlflow")
        yield made


@contextmanager
def _running(part: Part, log: Path) -> Iterator[None]:
    """Run a part until it is done with, and all that it has started: MLflow's server is a child of its command."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            part.argv, env={**os.environ, **part.env}, stdout=out, stderr=out, start_new_session=True
        )
    try:
        deadline = time.monotonic() + UP
        while not part.ready():
            assert process.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < deadline, log.read_text()[-3000:]
            time.sleep(0.1)
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _container(kind: str, name: str, called: str) -> Object:
    containers = one(kind, name)["spec"]["template"]["spec"]["containers"]
    return next(dict(it) for it in containers if it["name"] == called)


def _value(variable: Any) -> str:
    """Return what a variable is told; all secrets are the store's owner's."""
    source = variable.get("valueFrom", {}).get("secretKeyRef")
    return SECRETS.get(source["key"], KEY) if source else variable["value"]


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=1.0, trust_env=False).is_success
    except httpx.HTTPError:
        return False

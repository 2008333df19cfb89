"""What the platform leans on, with what tells its figures, as the chart starts them.

Debian has an exporter for Redis; MinIO is built by `make servers-test`; kafka_exporter has to be brought: who is not here has a
reason in `away`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from millrace.runtime.embedded.part import Part
from observability.foreign import KAFKA, MINIO, MLFLOW, REDIS, Source
from observability.scrape import BESIDE, TARGETS
from tests.adapters.conftest import free_port, running
from tests.chart.servers import WHERE, WHY_NOT_MINIO, Servers, container, exporter, is_minio_here, servers
from tests.kafka import real_kafka


class Neighbours:
    """Those that run: how the platform is told of them, and where Prometheus finds their figures."""

    def __init__(self, its: Servers) -> None:
        self.options = ["--redis", its.redis, "--s3", its.s3, "--mlflow", its.mlflow]
        key, hidden = its.keys("trainer")
        self.settings = {"S3_ACCESS_KEY": key, "S3_SECRET_KEY": hidden}
        self.addresses = {MLFLOW: f"127.0.0.1:{its.ports['mlflow']}"}
        self.away: dict[Source, str] = {}
        if is_minio_here():
            self.addresses[MINIO] = f"127.0.0.1:{its.ports['s3']}"
        else:
            self.away[MINIO] = WHY_NOT_MINIO
        if exporter():
            self.addresses[REDIS] = f"127.0.0.1:{its.ports['exporter']}"
        else:
            self.away[REDIS] = "no redis_exporter: apt-get install prometheus-redis-exporter"

    @property
    def here(self) -> set[Source]:
        return set(self.addresses)

    def jobs(self) -> list[dict[str, object]]:
        """Return what Prometheus is told of them, under the jobs that queries look for."""
        addresses = {TELLS[source]: address for source, address in self.addresses.items()}
        return [
            {
                "job_name": target.job,
                "metrics_path": target.path,
                "static_configs": [{"targets": [addresses[target.part]]}],
            }
            for target in TARGETS
            if target.part in BESIDE and target.part in addresses
        ]


TELLS = {KAFKA: "kafka", REDIS: "redis", MINIO: "minio", MLFLOW: "mlflow"}


@contextmanager
def neighbours(folder: Path) -> Iterator[Neighbours]:
    """Run those that can be had here."""
    names = ["s3", "redis", "postgres", "mlflow", *(["exporter"] if exporter() else [])]
    with ExitStack() as stack:
        made = Neighbours(stack.enter_context(servers(folder, *names, minio=is_minio_here())))
        if found := shutil.which("kafka_exporter", path=WHERE):
            broker = stack.enter_context(real_kafka(folder / "kafka"))
            part = _kafka_exporter(found, broker.address)
            stack.enter_context(running(part, folder))
            made.options += ["--kafka", broker.address]
            made.addresses[KAFKA] = part.address
        else:
            made.away[KAFKA] = "no kafka_exporter"
        yield made


def _kafka_exporter(program: str, brokers: str) -> Part:
    """Return what tells the brokers' figures."""
    listen = f"127.0.0.1:{free_port()}"
    flags = [it for it in container("Deployment", "-kafka-exporter")["args"] if not it.startswith("--kafka.server=")]
    argv = [program, f"--kafka.server={brokers}", f"--web.listen-address={listen}", *flags]
    return Part(name="kafka-exporter", argv=argv, env={}, address=listen, ready=lambda: _healthy(listen), order=0)


def _healthy(address: str) -> bool:
    try:
        return httpx.get(f"http://{address}/healthz", timeout=1.0, trust_env=False).is_success
    except httpx.HTTPError:
        return False

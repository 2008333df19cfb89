"""Who is asked for metrics, and where: one list for the chart's monitors and for people who write their own."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from millrace.runtime.telemetry import PARTS

JOBS = {part: f"millrace-{part}" for part in PARTS}
"""What each part's `job` label is, wherever it is scraped."""


@dataclass(frozen=True)
class Target:
    """One address. `job` is the label that queries look for."""

    part: str
    job: str
    port: int
    path: str
    ours: bool
    by: str


TARGETS = [
    Target("trainer", JOBS["trainer"], 8010, "/metrics", True, "the part itself"),
    Target("api", JOBS["api"], 8080, "/metrics", True, "the part itself"),
    Target("feed", JOBS["feed"], 8030, "/metrics", True, "the part itself"),
    Target("dashboard", JOBS["dashboard"], 3000, "/metrics", True, "the part itself"),
    Target("producer", JOBS["producer"], 8020, "/metrics", True, "the part itself"),
    Target("kafka", "millrace-kafka", 9308, "/metrics", False, "kafka_exporter beside the brokers"),
    Target("redis", "millrace-redis", 9121, "/metrics", False, "redis_exporter beside Redis or Valkey"),
    Target(
        "minio", "millrace-minio", 9000, "/minio/v2/metrics/cluster", False, "MinIO (MINIO_PROMETHEUS_AUTH_TYPE=public)"
    ),
    Target("mlflow", "millrace-mlflow", 5000, "/metrics", False, "MLflow's server, started with --expose-prometheus"),
]
"""All there are. Ports are the parts' own defaults."""


def scrape() -> dict[str, Any]:
    """Return the list as it is written."""
    return {"targets": [asdict(it) for it in TARGETS]}

"""Who is asked for metrics, and where: one list for the chart's monitors and for people who write their own."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from millrace.runtime.telemetry import PARTS

JOBS = {part: f"millrace-{part}" for part in PARTS}
"""What each part's `job` label is, wherever it is scraped."""
BESIDE = {name: f"millrace-{name}" for name in ("kafka", "redis", "minio", "mlflow")}
"""The same of what others wrote and the platform leans on."""


@dataclass(frozen=True)
class Target:
    """One address. `job` is the label that queries look for; `component` is the chart's, `port_name` its Service's."""

    part: str
    job: str
    component: str
    port: int
    port_name: str
    path: str
    ours: bool
    by: str


def _ours(part: str, port: int, port_name: str = "http") -> Target:
    return Target(part, JOBS[part], part, port, port_name, "/metrics", True, "the part itself")


TARGETS = [
    _ours("trainer", 8010),
    _ours("api", 8080),
    _ours("feed", 8030),
    _ours("dashboard", 8040, "health"),  # a port of its own: the other is everybody's
    _ours("producer", 8020),
    Target(
        "kafka",
        BESIDE["kafka"],
        "kafka-exporter",
        9308,
        "metrics",
        "/metrics",
        False,
        "kafka_exporter beside the brokers",
    ),
    Target(
        "redis", BESIDE["redis"], "redis", 9121, "metrics", "/metrics", False, "redis_exporter beside Redis or Valkey"
    ),
    Target(
        "minio",
        BESIDE["minio"],
        "s3",
        9000,
        "s3",
        "/minio/v2/metrics/cluster",
        False,
        "MinIO (MINIO_PROMETHEUS_AUTH_TYPE=public)",
    ),
    Target(
        "mlflow",
        BESIDE["mlflow"],
        "mlflow",
        5000,
        "http",
        "/metrics",
        False,
        "MLflow's server, started with --expose-prometheus",
    ),
]
"""All there are. Ports are the parts' own defaults."""


def scrape() -> dict[str, Any]:
    """Return the list as it is written."""
    return {"targets": [asdict(it) for it in TARGETS]}

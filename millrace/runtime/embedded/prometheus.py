"""Prometheus beside the platform on one machine: it asks every part of ours for metrics, and holds them against the alerts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from millrace.domain.errors import SettingsError
from millrace.runtime.embedded.part import Part
from millrace.runtime.telemetry import PARTS

ALERTS = Path(__file__).with_name("alerts.yaml")
"""The rules, made by `python -m observability.build`."""
EVERY = "5s"
"""Between two scrapes, and between two looks at the alerts."""
KEPT = "7d"

Targets = Mapping[str, Sequence[str]]
"""HOST:PORT of the processes of each part, by the part's name in the metric catalogue."""


def part(home: Path, port: int, targets: Targets) -> Part:
    """Return Prometheus as a part; what it gathers lies under `home/prometheus`. Raises `SettingsError` without it."""
    address = f"http://127.0.0.1:{port}"
    return Part(
        name="prometheus",
        argv=command(home.absolute() / "prometheus", port, targets),
        env={},
        address=address,
        ready=lambda: ready(address),
        order=1,
    )


def command(folder: Path, port: int, targets: Targets) -> list[str]:
    """Return how to start it on a port of loopback; write what it is to ask."""
    binary = found()
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "prometheus.json"
    config.write_text(json.dumps(configuration(targets), indent=1))  # it reads YAML, and JSON is that
    return [
        binary,
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--storage.tsdb.retention.time={KEPT}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]


def configuration(targets: Targets) -> dict[str, object]:
    """Return Prometheus' own configuration: one job a part, under the name that dashboards and alerts look for."""
    return {
        "global": {"scrape_interval": EVERY, "scrape_timeout": "4s", "evaluation_interval": EVERY},
        "rule_files": [str(ALERTS)],
        "scrape_configs": [
            {"job_name": f"millrace-{name}", "static_configs": [{"targets": list(targets[name])}]}
            for name in PARTS
            if targets.get(name)
        ],
    }


def ready(address: str) -> bool:
    """Tell whether it answers queries."""
    try:
        return httpx.get(f"{address}/-/ready", timeout=1.0, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def found() -> str:
    """Return the path of the server; raise `SettingsError` when this machine has none."""
    binary = shutil.which("prometheus")
    if binary is None:
        raise SettingsError(
            "there is no prometheus on this machine: apt-get install prometheus (Debian, Ubuntu) or brew install prometheus, "
            "or leave --prometheus out; the parts answer at /metrics all the same"
        )
    return binary

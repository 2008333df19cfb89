"""Prometheus beside the platform: whom it asks, what it holds against the alerts, and what is said without it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from millrace.domain.errors import SettingsError
from millrace.runtime.embedded import prometheus
from millrace.runtime.parts import Wishes, measured, platform


def wished(home: Path, **more: object) -> tuple[Wishes, dict[str, int]]:
    wishes = Wishes(home=home, use_cases=["parcels", "flights"], prometheus=True, **more)  # type: ignore[arg-type]
    return wishes, {name: 20_000 + number for number, name in enumerate(wishes.usual_ports())}


def test_every_process_of_ours_is_asked_under_its_part(tmp_path: Path) -> None:
    """Two use cases have two trainers: one job, two targets."""
    wishes, ports = wished(tmp_path)
    found = measured(wishes, ports)
    assert {part: len(addresses) for part, addresses in found.items()} == {
        "trainer": 2,
        "producer": 2,
        "api": 1,
        "feed": 1,
        "dashboard": 1,
    }
    assert found["api"] == [f"127.0.0.1:{ports['api']}"]


def test_what_is_not_run_is_not_asked(tmp_path: Path) -> None:
    """A target that is never there would be an alert for ever."""
    wishes, ports = wished(tmp_path, feed=False, dashboard=False, producer=False)
    jobs = prometheus.configuration(measured(wishes, ports))["scrape_configs"]
    assert [it["job_name"] for it in jobs] == ["millrace-trainer", "millrace-api"]  # type: ignore[attr-defined]


def test_without_prometheus_it_is_said_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is started."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SettingsError, match="apt-get install prometheus"):
        platform(*wished(tmp_path))


def test_prometheus_takes_the_configuration(tmp_path: Path) -> None:
    """Its own tool reads it, rules and all."""
    promtool = shutil.which("promtool")
    if promtool is None and os.environ.get("CI") != "true":
        pytest.skip("promtool is not there: apt-get install prometheus")
    assert promtool, "promtool is not there: apt-get install prometheus"
    config = tmp_path / "prometheus.json"
    config.write_text(json.dumps(prometheus.configuration(measured(*wished(tmp_path)))))
    said = subprocess.run([promtool, "check", "config", str(config)], capture_output=True, text=True)
    assert said.returncode == 0, said.stdout + said.stderr
    assert "rule files found" in said.stdout + said.stderr

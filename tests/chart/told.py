"""The files that Prometheus, Alertmanager and Grafana are given by the chart, and the tools that read them."""

from __future__ import annotations

import base64
import os
import shutil

import pytest
import yaml

from tests.chart.rendering import PRESETS, Object, one

DEMO = PRESETS["demo"]


def found(name: str, package: str) -> str:
    """Return the path of a tool of Debian's; skip the test where there is none, fail it where everything must be there."""
    path = shutil.which(name)
    if path is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(
            f"{name} is not here: apt-get install {package}"
        )
    return path


def prometheus(*options: str) -> dict[str, str]:
    """Return the files that Prometheus reads."""
    return dict(one("ConfigMap", "-prometheus", *options)["data"])


def grafana(*options: str) -> dict[str, str]:
    """Return the files that Grafana reads, but the dashboards."""
    return dict(one("ConfigMap", "-grafana", *options)["data"])


def alertmanager(*options: str) -> str:
    """Return the configuration of Alertmanager."""
    return base64.b64decode(one("Secret", "-alertmanager", *options)["data"]["alertmanager.yaml"]).decode()


def scraped(*options: str) -> list[Object]:
    """Return what Prometheus asks."""
    return list(yaml.safe_load(prometheus(*options)["prometheus.yaml"])["scrape_configs"])

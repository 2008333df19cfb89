"""A Prometheus that runs, as Grafana asks it, and all that dashboards and alerts ask."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection
from typing import Any

import httpx
import pytest

from observability.alerts import ALERTS
from observability.dashboards import BOARDS
from observability.foreign import Source
from observability.queries import elsewhere, operands, plain

QUERIES = {
    f"{board.title}: {panel.title}: {legend}": plain(query)
    for board in BOARDS
    for panel in board.panels()
    for legend, query in panel.queries.items()
}
COMPARED = {f"{it.name}: {operand}": operand for it in ALERTS for operand in operands(it.expr)}


FILLED = 90.0
"""Seconds within which every query must have data: rates need a minute."""


def watched(*programs: str) -> list[pytest.MarkDecorator]:
    """Return the marks of tests that have a running platform watched; without one of the programs CI fails them."""
    away = next((it for it in programs if shutil.which(it) is None), None)
    left_out = away is not None and os.environ.get("CI") != "true"
    return [
        pytest.mark.stack,
        pytest.mark.skipif(left_out, reason=f"no {away} here; CI has one and must not skip this"),
    ]


class Prometheus:
    """The server, as Grafana asks it."""

    def __init__(self, address: str) -> None:
        self._http = httpx.Client(base_url=address, trust_env=False)

    def get(self, path: str, **params: str) -> Any:
        answer = self._http.get(f"/api/v1/{path}", params=params).json()
        assert answer["status"] == "success", (params, answer)
        return answer["data"]

    def has_data(self, query: str) -> bool:
        """Tell whether a query has a number now."""
        return any(it["value"][1] != "NaN" for it in self.get("query", query=query)["result"])

    def without_data(self, queries: dict[str, str], here: Collection[Source] = ()) -> list[str]:
        """Return what has no number, though all it asks for runs here."""
        return [name for name, query in queries.items() if not elsewhere(query, here) and not self.has_data(query)]

"""A Prometheus that runs, as Grafana asks it, and all that dashboards and alerts ask."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import httpx

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

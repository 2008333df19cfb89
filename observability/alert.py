"""What an alert is, and the page that lists all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["critical", "warning", "info"]
"""`critical`: somebody gets up for it. `warning`: somebody looks today. `info`: worth knowing."""

RUNBOOKS = "docs/runbooks"
"""Where the pages are, from the root of the repository; the chart may put its address before it."""


@dataclass(frozen=True)
class Alert:
    """One alert. `for_` is how long it must hold; `summary` and `description` may use Prometheus' templates."""

    name: str
    expr: str
    for_: str
    severity: Severity
    summary: str
    description: str

    @property
    def page(self) -> str:
        """The file name of its runbook."""
        return f"{self.name}.md"

    def rule(self) -> dict[str, Any]:
        """Return it as Prometheus reads it."""
        return {
            "alert": self.name,
            "expr": self.expr,
            "for": self.for_,
            "labels": {"severity": self.severity},
            "annotations": {
                "summary": self.summary,
                "description": self.description,
                "runbook_url": f"{RUNBOOKS}/{self.page}",
            },
        }


def contents(groups: Mapping[str, Sequence[Alert]]) -> str:
    """Return the page that lists all runbooks."""
    lists = "\n".join(_listed(name, group) for name, group in groups.items())
    return f"""# Runbooks

<!-- Made by `python -m observability.build` from observability/alerts.py. -->

One page an alert: what it means, how to check, how to mend. In the commands `TRAINER`, `API` and `FEED` stand for the hosts that
`millrace status` prints; in a cluster `kubectl port-forward POD 8010` brings a pod's port here.

{lists}"""


def _listed(name: str, group: Sequence[Alert]) -> str:
    rows = [f"| [{it.name}]({it.page}) | {it.severity} | {it.description} |" for it in group]
    head = f"## {name.removeprefix('millrace-').capitalize()}"
    return "\n".join([head, "", "| alert | severity | what it says |", "| --- | --- | --- |", *rows, ""])

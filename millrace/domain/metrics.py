"""Metrics: which way each is better. Whoever ranks, colours or words a score asks here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

Ranked = Literal["average_precision", "roc_auc", "log_loss", "brier"]
"""What a yes-or-no question may be ranked by."""

HIGHER_IS_BETTER = frozenset(
    {
        "accuracy",
        "adjusted_rand",
        "average_precision",
        "f1",
        "f2",
        "precision",
        "precision_at_1pct",
        "r2",
        "recall",
        "recall_at_1pct",
        "roc_auc",
        "silhouette",
        "stability",
        "v_measure",
    }
)
"""Every other metric is an error, a loss or a distance: lower is better."""

IN_THE_TARGETS_UNIT = frozenset({"mae", "rmse"})
"""Metrics that have the unit of what is asked for; the others are shares and losses, without one."""


def higher_is_better(metric: str) -> bool:
    """Tell whether a greater value of a metric is the better one.

    >>> higher_is_better("average_precision"), higher_is_better("mae")
    (True, False)
    """
    return metric in HIGHER_IS_BETTER


def direction(metric: str) -> str:
    """Return in words which way a metric is better."""
    return "higher is better" if higher_is_better(metric) else "lower is better"


def badness(metric: str, value: float | None) -> float:
    """Return a number to sort by, the best first; without a value, last.

    >>> sorted([0.2, None, 0.9], key=lambda it: badness("roc_auc", it))
    [0.9, 0.2, None]
    """
    if value is None:
        return float("inf")
    return -value if higher_is_better(metric) else value


def best(metric: str, values: Iterable[float]) -> float | None:
    """Return the best of some values of a metric, or `None` when there are none.

    >>> best("mae", [3.0, 2.0]), best("average_precision", [0.3, 0.2]), best("mae", [])
    (2.0, 0.3, None)
    """
    return min(values, key=lambda value: badness(metric, value), default=None)

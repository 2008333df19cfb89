"""Which way each metric is better is said once."""

from __future__ import annotations

import pytest

from millrace.domain.metrics import badness, best, direction, higher_is_better
from millrace.learning.classification import ClassificationScore
from millrace.learning.scores import RegressionScore

LOWER = {"mae", "rmse", "log_loss", "brier", "ece"}


@pytest.mark.parametrize("score", [RegressionScore(), ClassificationScore()])
def test_every_metric_we_compute_has_a_direction(score: RegressionScore | ClassificationScore) -> None:
    """Those that are not known to be better when higher are errors and losses, and nothing else."""
    for i in range(50):
        score.add(0.3 if i % 2 else 0.6, float(i % 2))
    found = set(score.overall()) | set(score.recent())
    assert {name for name in found if not higher_is_better(name)} <= LOWER
    assert score.metric in found


def test_the_best_is_the_highest_or_the_lowest() -> None:
    """Ranking follows the metric, and who has no value comes last."""
    assert best("average_precision", [0.1, 0.4]) == 0.4
    assert best("mae", [0.1, 0.4]) == 0.1
    assert sorted([None, 0.1, 0.4], key=lambda it: badness("average_precision", it)) == [0.4, 0.1, None]
    assert direction("mae") == "lower is better"

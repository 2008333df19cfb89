"""The metrics of a yes-or-no question, held against scikit-learn's."""

from __future__ import annotations

import math
import pickle
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (  # type: ignore[import-untyped]
    average_precision_score,
    brier_score_loss,
    fbeta_score,
    log_loss,
    precision_score,
    recall_score,
    roc_auc_score,
)

from millrace.learning.classification import RECENT, ClassificationScore
from millrace.learning.digest import digest

CLOSE = 0.002
Draw = Callable[[random.Random], tuple[float, bool]]


def sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z))


def rare(rng: random.Random) -> tuple[float, bool]:
    """One in fifty, told apart fairly well."""
    yes = rng.random() < 0.02
    return sigmoid(rng.gauss(-4.5 + 2.5 * yes, 1.0)), yes


def hardly(rng: random.Random) -> tuple[float, bool]:
    """One in two hundred, and scores that all lie within a tenth of each other."""
    yes = rng.random() < 0.005
    return sigmoid(rng.gauss(-5.3 + 0.03 * yes, 0.03)), yes


def even(rng: random.Random) -> tuple[float, bool]:
    """One in two."""
    yes = rng.random() < 0.5
    return sigmoid(rng.gauss(yes - 0.5, 2.0)), yes


def tied(rng: random.Random) -> tuple[float, bool]:
    """Few different scores, most of them nothing at all."""
    yes = rng.random() < 0.03
    return rng.choice([0.0, 0.0, 0.0, 0.02, 0.02, 0.5] if not yes else [0.0, 0.02, 0.5, 1.0]), yes


def drawn(draw: Draw, n: int, seed: int = 3) -> tuple[list[float], list[bool]]:
    rng = random.Random(seed)
    pairs = [draw(rng) for _ in range(n)]
    return [p for p, _ in pairs], [yes for _, yes in pairs]


def scored(probabilities: list[float], truths: list[bool]) -> ClassificationScore:
    score = ClassificationScore(act_at=0.2)
    for probability, truth in zip(probabilities, truths, strict=True):
        score.add(probability, float(truth))
    return score


def at_one_percent(probabilities: list[float], truths: list[bool]) -> float:
    """Precision among the highest per cent, as somebody would count it."""
    order = sorted(range(len(truths)), key=lambda i: -probabilities[i])[: len(truths) // 100]
    return sum(truths[i] for i in order) / len(order)


@pytest.mark.parametrize("draw", [rare, hardly, even, tied])
def test_ranking_from_bins_is_as_good_as_exact(draw: Draw) -> None:
    """Average precision and AUC over everything differ from the exact ones by less than 0.002."""
    p, y = drawn(draw, 60_000)
    found = scored(p, y).overall()
    assert found["average_precision"] == pytest.approx(average_precision_score(y, p), abs=CLOSE)
    assert found["roc_auc"] == pytest.approx(roc_auc_score(y, p), abs=CLOSE)


@pytest.mark.parametrize("draw", [rare, even])
def test_what_the_highest_per_cent_holds(draw: Draw) -> None:
    """Precision and recall of flagging one in a hundred."""
    p, y = drawn(draw, 60_000)
    found = scored(p, y).overall()
    precision = at_one_percent(p, y)
    assert found["precision_at_1pct"] == pytest.approx(precision, abs=0.01)
    assert found["recall_at_1pct"] == pytest.approx(precision * 600 / sum(y), abs=0.01)


@pytest.mark.parametrize("draw", [rare, hardly, even, tied])
def test_the_recent_window_is_exact(draw: Draw) -> None:
    """And holds the newest labels only."""
    p, y = drawn(draw, RECENT + 3_000)
    found = scored(p, y).recent()
    p, y = p[-RECENT:], y[-RECENT:]
    assert found["average_precision"] == pytest.approx(average_precision_score(y, p), abs=1e-9)
    assert found["roc_auc"] == pytest.approx(roc_auc_score(y, p), abs=1e-9)
    assert found["log_loss"] == pytest.approx(log_loss(y, [min(max(it, 1e-9), 1 - 1e-9) for it in p]), rel=1e-6)
    assert found["f2"] == pytest.approx(fbeta_score(y, [it >= 0.2 for it in p], beta=2), abs=1e-9)


def test_acting_and_calibration_are_exact() -> None:
    """What depends on a threshold or on the probability itself is counted, not estimated."""
    p, y = drawn(rare, 20_000)
    found, acted = scored(p, y).overall(), [it >= 0.2 for it in p]
    assert found["precision"] == pytest.approx(precision_score(y, acted))
    assert found["recall"] == pytest.approx(recall_score(y, acted))
    assert found["f2"] == pytest.approx(fbeta_score(y, acted, beta=2))
    assert found["brier"] == pytest.approx(brier_score_loss(y, p))
    assert found["log_loss"] == pytest.approx(log_loss(y, p))
    gaps = [sum(q - t for q, t in zip(p, y, strict=True) if int(q * 10) == i) for i in range(10)]
    assert found["ece"] == pytest.approx(sum(map(abs, gaps)) / len(p))


def test_a_stretch_of_the_stream_is_what_came_since_a_copy() -> None:
    """A month's average precision is that of its own labels, not a difference of two."""
    p, y = drawn(rare, 30_000)
    score = scored(p[:20_000], y[:20_000])
    before = score.twin()
    for probability, truth in zip(p[20_000:], y[20_000:], strict=True):
        score.add(probability, float(truth))
    found = score.since(before)
    assert found["average_precision"] == pytest.approx(average_precision_score(y[20_000:], p[20_000:]), abs=CLOSE)
    assert found["brier"] == pytest.approx(brier_score_loss(y[20_000:], p[20_000:]))
    assert before.since(None) == scored(p[:20_000], y[:20_000]).overall()


def test_without_a_yes_there_is_no_ranking() -> None:
    """A metric that cannot be said is left out, not called nought."""
    found = scored([0.1, 0.2], [False, False])
    assert "average_precision" not in found.overall()
    assert "average_precision" not in found.recent()
    assert ClassificationScore().overall() == ClassificationScore().recent() == {}


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(-0.5, 1.5), st.booleans()), max_size=80))
def test_whatever_is_foreseen_every_metric_is_a_number_in_its_range(pairs: list[tuple[float, bool]]) -> None:
    """A baseline may answer below 0 or above 1; nothing overflows, and all but the loss lie in [0, 1]."""
    score = scored([p for p, _ in pairs], [y for _, y in pairs])
    for name, value in {**score.overall(), **score.recent()}.items():
        assert math.isfinite(value)
        assert name == "log_loss" or -1e-9 <= value <= 1 + 1e-9


def test_its_memory_is_bounded_and_it_is_restored_as_it_was() -> None:
    """However many labels: some thousand bins at most; and a copy through pickle goes on the same."""
    p, y = drawn(even, 40_000)
    score = scored(p, y)
    assert len(score.ranking.bins) <= 2 * 21 * 128
    copy = pickle.loads(pickle.dumps(score))
    assert digest(copy) == digest(score)
    assert copy.add(0.3, 1.0) == score.add(0.3, 1.0)
    assert digest(copy) == digest(score)

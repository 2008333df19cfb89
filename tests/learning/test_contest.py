"""The contest goes on whatever one of them does."""

from __future__ import annotations

from typing import Any

import pytest

from millrace import Candidate, Regression, Truth, UseCase
from millrace.learning.contest import Contest
from tests.trainer.world import Delivered, Parcel, Seen, features, parcels


class Fickle:
    """A model that does what it is told, until it breaks."""

    def __init__(self, answer: Any, breaks: str = "") -> None:
        self.answer, self.breaks = answer, breaks

    def predict_one(self, x: dict[str, Any]) -> Any:
        if self.breaks == "predicting":
            raise KeyError("lost")
        return self.answer

    def learn_one(self, x: dict[str, Any], y: Any) -> None:
        if self.breaks == "learning":
            raise ValueError("too much")


def contest(**models: Fickle) -> Contest:
    it: UseCase[Parcel, Seen, Delivered] = UseCase(
        "fickle",
        "?",
        Parcel,
        Seen,
        features=features,
        task=Regression(target=lambda d: d.minutes_late, truth=Truth(Delivered, patience="1d")),
        candidates={name: Candidate(lambda model=model: model) for name, model in models.items()},  # type: ignore[misc]
        baselines={"zero": lambda p, seen: 0.0},
    )
    return Contest(it)


@pytest.mark.parametrize("broken", [Fickle(1.0, "predicting"), Fickle(float("nan")), Fickle("text")])
def test_a_candidate_that_cannot_predict_is_suspended(broken: Fickle) -> None:
    """The others answer, and the best healthy one is champion."""
    it = contest(a=broken, b=Fickle(9.0), c=Fickle(1.0))
    it.scores["b"].add(9.0, 1.0)
    it.scores["c"].add(1.0, 1.0)
    foreseen, fallen = it.foresee(None, None, {})
    assert foreseen == {"b": 9.0, "c": 1.0, "zero": 0.0}
    assert [one.candidate for one in fallen] == ["a"]
    assert it.champion == "c"
    assert it.foresee(None, None, {})[1] == []


def test_a_candidate_that_cannot_learn_is_suspended() -> None:
    """It says what it was doing."""
    it = contest(a=Fickle(1.0, "learning"), b=Fickle(2.0))
    fallen = it.learn({}, {"a": 1.0, "b": 2.0}, 1.0)
    assert [(one.candidate, one.while_) for one in fallen] == [("a", "learning")]
    assert it.suspended["a"] == "ValueError while learning: too much"


def test_without_a_healthy_candidate_nobody_serves() -> None:
    """Baselines go on; there is no champion."""
    it = contest(a=Fickle(1.0, "predicting"))
    foreseen, _ = it.foresee(None, None, {})
    assert (foreseen, it.champion) == ({"zero": 0.0}, None)


def test_scores_are_taken_before_anything_is_learnt() -> None:
    """What was foreseen is scored, and compared with the champion on the same events."""
    it = contest(a=Fickle(1.0), b=Fickle(3.0))
    for _ in range(4):
        it.learn({}, {"a": 1.0, "b": 3.0, "zero": 0.0}, 1.0)
    assert it.scores["b"].overall()["mae"] == 2.0
    assert it.duels["b"].mean() == 2.0
    assert it.duels["a"].mean() is None


def test_a_model_on_the_residual_adds_to_what_it_corrects() -> None:
    """It learns what is left and answers the feature plus its own."""
    player = Contest(parcels).players["linear"]
    learnt: list[float] = []
    player.model = Fickle(2.0)
    player.model.learn_one = lambda x, y: learnt.append(y)
    assert player.predict({"km": 1.0, "usual": 5.0, "busy": 0}) == 7.0
    player.learn({"km": 1.0, "usual": 5.0, "busy": 0}, 11.0)
    assert learnt == [6.0]

"""Models of ours: what surrounds a River model."""

from __future__ import annotations

from typing import Any


class TrainedOnce:
    """A model that learns its first examples and then no more, as one that was trained, deployed and left alone.

    It stands in a contest as the measure of what learning on is worth.
    """

    def __init__(self, model: Any, examples: int) -> None:
        self.model = model
        self.examples = examples
        self.learnt = 0

    def learn_one(self, x: dict[str, Any], y: Any) -> None:
        """Learn one example while there are fewer than `examples`."""
        if self.learnt < self.examples:
            self.learnt += 1
            self.model.learn_one(x, y)

    def predict_one(self, x: dict[str, Any]) -> Any:
        """Return the model's prediction."""
        return self.model.predict_one(x)

    def predict_proba_one(self, x: dict[str, Any]) -> Any:
        """Return the model's probabilities by class."""
        return self.model.predict_proba_one(x)

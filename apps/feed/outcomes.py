"""What one answer counts as, by what the use case asks for. Pure."""

from __future__ import annotations

from apps.feed.windows import Outcome
from millrace.domain.tasks import Classification, Clustering
from millrace.domain.usecase import AnyUseCase
from millrace.learning.truths import Truth


class Outcomes:
    """Counts answers of one use case."""

    def __init__(self, use_case: AnyUseCase) -> None:
        self._task = use_case.task

    def of(self, value: float | None, truth: Truth | None = None) -> Outcome:
        """Return what an answer counts as, with its truth where that is known."""
        number = truth if isinstance(truth, float) else None
        match self._task:
            case Clustering():
                return Outcome(value, None, None if value is None else f"{value:g}", number)
            case Classification(act_at=act_at):
                positive = None if value is None else value >= act_at
                return Outcome(value, positive, None, number, _error(value, number, 2))
            case _:
                return Outcome(value, None, None, number, _error(value, number, 1))


def _error(value: float | None, truth: float | None, power: int) -> float | None:
    return None if value is None or truth is None else abs(value - truth) ** power

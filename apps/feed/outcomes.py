"""What one answer counts as, by what the use case asks for. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from apps.feed.windows import Outcome
from millrace.domain.facts import Label
from millrace.domain.log import Record
from millrace.domain.tasks import Classification, Clustering
from millrace.domain.times import Micros, micros
from millrace.domain.usecase import AnyUseCase
from millrace.learning.decoding import Schemas
from millrace.learning.intake import Intake

Truth = float | str


class Known(msgspec.Struct, frozen=True):
    """The truth about one event, as a label tells it."""

    event_id: str
    truth: Truth
    known_at: Micros


class Outcomes:
    """Reads truths, and counts answers, of one use case."""

    def __init__(self, use_case: AnyUseCase, schemas: Schemas | None = None) -> None:
        self._task = use_case.task
        self._of_field = use_case.of_field
        self._read = Intake(use_case, schemas).read

    def known(self, record: Record) -> Known | None:
        """Return the truth that a record of labels tells; `None` for one that tells none."""
        label = self._read(record).fact
        if not isinstance(label, Label):
            return None
        truth = self._truth(label)
        if truth is None:
            return None
        return Known(str(getattr(label, self._of_field)), truth, micros(label.known_at))

    def _truth(self, label: Any) -> Truth | None:
        try:
            found = self._task.target(label)
        except Exception:  # noqa: BLE001 - an author's code may raise anything; the trainer dead-letters such a label
            return None
        if found is None:
            return None
        return str(found) if isinstance(self._task, Clustering) else float(found)

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

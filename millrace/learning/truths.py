"""The truth of events, for those who only look on: as their labels tell it, before the ledger has settled any."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from millrace.domain.facts import Label
from millrace.domain.log import Record
from millrace.domain.tasks import Clustering
from millrace.domain.times import Micros, micros
from millrace.domain.usecase import AnyUseCase
from millrace.learning.decoding import Schemas
from millrace.learning.intake import Intake

Truth = float | str
"""A number, or a group's name."""


class Known(msgspec.Struct, frozen=True):
    """The truth about one event, as a label tells it."""

    event_id: str
    truth: Truth
    known_at: Micros


class Truths:
    """Reads records of labels. Pure; a label that a learner derives of its event tells what it says before that."""

    def __init__(self, use_case: AnyUseCase, schemas: Schemas | None = None) -> None:
        self._target = use_case.task.target
        self._as_told: Callable[[Any], Truth] = str if isinstance(use_case.task, Clustering) else float
        self._of_field = use_case.of_field
        self._read = Intake(use_case, schemas).read

    def known(self, record: Record) -> Known | None:
        """Return the truth that a record tells; `None` for one that tells none."""
        label = self._read(record).fact
        if not isinstance(label, Label):
            return None
        truth = self._truth(label)
        return None if truth is None else Known(str(getattr(label, self._of_field)), truth, micros(label.known_at))

    def _truth(self, label: Any) -> Truth | None:
        try:
            found = self._target(label)
        except Exception:  # noqa: BLE001 - an author's code may raise anything; the trainer dead-letters such a label
            return None
        return None if found is None else self._as_told(found)

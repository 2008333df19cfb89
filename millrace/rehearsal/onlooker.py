"""One who looks on at a rehearsal and meets the very labels the learner does, when it does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping

from millrace.domain.facts import Event, available_at
from millrace.domain.tasks import Clustering
from millrace.domain.times import Micros
from millrace.domain.usecase import AnyUseCase, Fact
from millrace.learning.ledger import Ledger


class Onlooker(ABC):
    """Keeps a ledger of its own. It is no part of the learner: a state is the same whether anybody looked on or not."""

    def __init__(self, use_case: AnyUseCase) -> None:
        task = use_case.task
        assert task.truth is not None
        self._groups = isinstance(task, Clustering)
        self._ledger = Ledger(use_case, task.truth)
        self._id_field = use_case.id_field
        self._target = task.target
        self._missing = 0.0 if task.truth.if_missing == "negative" and not self._groups else None
        self._now: Micros = 0

    def meet(self, facts: Iterable[Fact]) -> None:
        """Take facts in order."""
        for fact in facts:
            at = available_at(fact)
            if at > self._now:
                self.advance(at)
            if not isinstance(fact, Event):
                self._ledger.hear(fact, self._now)
                continue
            event_id = str(getattr(fact, self._id_field))
            foreseen = None if self._ledger.knows(event_id) else self._foresee(event_id)
            if foreseen is not None:
                self._ledger.expect(event_id, fact, at, {}, foreseen)

    def advance(self, to: Micros) -> None:
        """Move time forward and hear of the truths it has passed."""
        self._now = to
        for due in self._ledger.settle(to):
            truth = self._missing if due.label is None else self._target(due.label)
            if truth is not None:
                self._hear(due.foreseen, str(truth) if self._groups else float(truth))

    @abstractmethod
    def _foresee(self, event_id: str) -> dict[str, float] | None:
        """Return what is said of an event, to be heard again with its truth; `None` for nothing."""

    @abstractmethod
    def _hear(self, foreseen: Mapping[str, float], truth: float | str) -> None:
        """Hear the truth about something that was said."""

"""The oracle: what one who knows the hidden causes predicts, scored as everyone else is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from millrace.adapters.archive.recorded import available_at
from millrace.domain.facts import Event
from millrace.domain.tasks import Clustering
from millrace.domain.times import Micros
from millrace.domain.usecase import AnyUseCase, Fact
from millrace.learning.contest import score_for
from millrace.learning.ledger import Ledger


class Oracle:
    """Keeps a ledger of its own, so that it meets the very labels the learner does, when it does.

    It is no part of the learner: a state is the same whether an oracle looked on or not.
    """

    def __init__(self, use_case: AnyUseCase, knows: Mapping[str, float]) -> None:
        task = use_case.task
        assert task.truth is not None
        self._groups = isinstance(task, Clustering)
        self.score = score_for(use_case)()
        self._knows = knows
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
            if event_id in self._knows and not self._ledger.knows(event_id):
                self._ledger.expect(event_id, fact, at, {}, {"oracle": self._knows[event_id]})

    def advance(self, to: Micros) -> None:
        """Move time forward and score what it has passed."""
        self._now = to
        for due in self._ledger.settle(to):
            truth = self._missing if due.label is None else self._target(due.label)
            if truth is not None:
                known = str(truth) if self._groups else float(truth)
                self.score.add(due.foreseen["oracle"], known)  # type: ignore[arg-type]

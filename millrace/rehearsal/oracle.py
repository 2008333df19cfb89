"""The oracle: what one who knows the hidden causes predicts, scored as everyone else is."""

from __future__ import annotations

from collections.abc import Mapping

from millrace.domain.usecase import AnyUseCase
from millrace.learning.contest import score_for
from millrace.rehearsal.onlooker import Onlooker


class Oracle(Onlooker):
    """Scores what is known of the hidden causes, by event id."""

    def __init__(self, use_case: AnyUseCase, knows: Mapping[str, float]) -> None:
        super().__init__(use_case)
        self.score = score_for(use_case)()
        self._knows = knows

    def _foresee(self, event_id: str) -> dict[str, float] | None:
        return {"oracle": self._knows[event_id]} if event_id in self._knows else None

    def _hear(self, foreseen: Mapping[str, float], truth: float | str) -> None:
        self.score.add(foreseen["oracle"], truth)  # type: ignore[arg-type]

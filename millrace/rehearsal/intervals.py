"""Intervals about predictions, and how many truths they held.

An interval is stated when the event is met: the prediction, with two quantiles of its candidate's newest errors added (split
conformal prediction; Papadopoulos et al., 2002). Which quantiles is corrected with each truth, so that in the long run the share
that was asked for is held even where errors change with the hour (adaptive conformal inference; Gibbs & Candès, 2021). Nothing
is assumed of how errors are spread, but they are taken to be alike for all events of a time: an interval is as wide for a small
value as for a large one.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Mapping
from math import ceil, floor

import msgspec

from millrace.domain.log import Message
from millrace.domain.records import Prediction
from millrace.domain.usecase import AnyUseCase
from millrace.learning.scores import RECENT
from millrace.rehearsal.onlooker import Onlooker
from millrace.rehearsal.report import IntervalReport

ENOUGH = 100
"""Errors of a candidate that are known before it states an interval."""

STEP = 0.001
"""How far one truth moves the share that is left outside: about a thousand truths follow a change."""
LOW, HIGH = "\x00low", "\x00high"
"""Mark a candidate's bounds beside its prediction; no name has such letters."""


class Errors:
    """A candidate's newest errors (truth minus prediction), in order of size; and what became of its intervals."""

    def __init__(self, share: float) -> None:
        self._outside = 1 - share
        self._newest: deque[float] = deque()
        self._sorted: list[float] = []
        self._held: deque[bool] = deque(maxlen=RECENT)
        self._share = share
        self._stated = 0
        self._in_all = 0
        self._width = 0.0

    def bounds(self) -> tuple[float, float] | None:
        """Return what is to be added to a prediction; `None` while too few errors are known."""
        known, tail = len(self._sorted), min(max(self._outside, 0.0), 1.0) / 2
        if known < ENOUGH:
            return None
        low, high = floor(tail * (known + 1)) - 1, ceil((1 - tail) * (known + 1)) - 1
        return self._sorted[max(low, 0)], self._sorted[min(high, known - 1)]

    def note(self, error: float) -> None:
        """Remember an error; the oldest of more than the recent window is forgotten."""
        if len(self._newest) == RECENT:
            del self._sorted[bisect_left(self._sorted, self._newest.popleft())]
        self._newest.append(error)
        insort(self._sorted, error)

    def judge(self, low: float, high: float, error: float) -> None:
        """Note whether an interval held its truth, and correct those that come."""
        held = low <= error <= high
        self._outside += STEP * (held - self._share)
        self._held.append(held)
        self._stated += 1
        self._in_all += held
        self._width += high - low

    def report(self) -> IntervalReport | None:
        """Return how the intervals did; `None` where none was stated."""
        if not self._stated:
            return None
        return IntervalReport(
            stated=self._share,
            coverage=self._in_all / self._stated,
            recent=sum(self._held) / len(self._held),
            width=self._width / self._stated,
            labels=self._stated,
        )


class Intervals(Onlooker):
    """States an interval with every candidate's predictions and hears their truths."""

    def __init__(self, use_case: AnyUseCase, share: float) -> None:
        super().__init__(use_case)
        self._errors = {name: Errors(share) for name in use_case.candidates}
        self._topic = use_case.topic("predictions")
        self._decode = msgspec.json.Decoder(Prediction).decode
        self._said: dict[str, Mapping[str, float]] = {}

    def read(self, outputs: Iterable[Message]) -> None:
        """Take the predictions of the facts that are met next."""
        made = (self._decode(it.value) for it in outputs if it.topic == self._topic and it.value)
        self._said = {it.event_id: it.by_candidate for it in made}

    def reports(self) -> dict[str, IntervalReport]:
        """Return how each candidate's intervals did."""
        return {name: found for name, it in self._errors.items() if (found := it.report())}

    def _foresee(self, event_id: str) -> dict[str, float] | None:
        said = self._said.get(event_id, {})
        foreseen: dict[str, float] = {}
        for name, errors in self._errors.items():
            if name in said:
                foreseen[name] = said[name]
                if bounds := errors.bounds():
                    foreseen[name + LOW], foreseen[name + HIGH] = bounds
        return foreseen or None

    def _hear(self, foreseen: Mapping[str, float], truth: float | str) -> None:
        for name, errors in self._errors.items():
            if name in foreseen:
                error = float(truth) - foreseen[name]
                if name + LOW in foreseen:
                    errors.judge(foreseen[name + LOW], foreseen[name + HIGH], error)
                errors.note(error)

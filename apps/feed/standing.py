"""The live views of one use case as they stand: a pure fold over records of its topics.

The same records of each partition, in that partition's order, give the same counts, however the partitions interleave, as
long as nothing has to be forgotten between an answer and its truth; so views are rebuilt rather than kept, and no restart
counts twice.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from apps.feed.newest import Newest
from apps.feed.outcomes import Outcomes
from apps.feed.windows import Cell, Tumbling
from millrace.domain import views
from millrace.domain.log import Record, TopicPartition
from millrace.domain.records import Prediction, Scorecard
from millrace.domain.times import Micros, micros, moment
from millrace.domain.usecase import AnyUseCase
from millrace.learning.decoding import Schemas
from millrace.learning.truths import Known, Truth, Truths


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is kept: windows, segments apart in each, answers and truths remembered; and how much of it is shown."""

    minutes: int
    hours: int
    segments: int
    segments_shown: int
    remembered: int
    newest: int


@dataclass(slots=True)
class _Answer:
    """What is needed of a prediction later; there are many of them."""

    key: str
    at: Micros
    value: float | None
    state_id: str
    made_at: int
    truth: Truth | None = None


class Standing:
    """Takes each partition's records in order, any record more than once, and of one event the last prediction."""

    def __init__(self, use_case: AnyUseCase, bounds: Bounds, schemas: Schemas | None = None) -> None:
        self.use_case = use_case
        self._bounds = bounds
        self._outcomes = Outcomes(use_case)
        self._read_truths = Truths(use_case, schemas)
        self._minutes = Tumbling(60, kept=bounds.minutes, segments=bounds.segments)
        self._hours = Tumbling(3_600, kept=bounds.hours, segments=bounds.segments)
        self._answers: OrderedDict[str, _Answer] = OrderedDict()
        self._truths: OrderedDict[str, Known] = OrderedDict()
        self._newest_answers, self._newest_truths = Newest(bounds.newest), Newest(bounds.newest)
        self._scorecard: Scorecard | None = None
        self._stream_time: Micros | None = None
        self._positions: dict[TopicPartition, int] = {}
        self._prediction: Callable[[bytes], Prediction] = msgspec.json.Decoder(Prediction).decode
        self._card: Callable[[bytes], Scorecard] = msgspec.json.Decoder(Scorecard).decode
        self._takes: dict[str, Callable[[Record, bytes], None]] = {
            use_case.topic("predictions"): self._take_prediction,
            use_case.topic("scorecards"): self._take_scorecard,
            **({use_case.topic("labels"): self._take_label} if use_case.label else {}),
        }
        self.taken = 0

    @property
    def topics(self) -> list[str]:
        """The topics whose records are taken."""
        return list(self._takes)

    def position(self, where: TopicPartition) -> int:
        """Return the offset after the last record taken of a partition; 0 before the first."""
        return self._positions.get(where, 0)

    def take(self, record: Record) -> None:
        """Take a record. One taken before, or that does not read, changes nothing."""
        where = TopicPartition(record.topic, record.partition)
        if record.offset < self.position(where):
            return
        self._positions[where] = record.offset + 1
        self.taken += 1
        if record.value is None:
            return
        try:
            self._takes[record.topic](record, record.value)
        except ValueError:  # of msgspec, of a text that is no UTF-8, of a time that is none
            return  # what such a record was is for the trainer to say

    def _take_prediction(self, record: Record, value: bytes) -> None:
        prediction = self._prediction(value)
        before = self._answers.pop(prediction.event_id, None)
        if before is not None:  # aborted ones stay visible on the embedded log
            self._count(before, -1)
        at, known = micros(prediction.occurred_at), self._truths.get(prediction.event_id)
        truth = None if known is None else known.truth
        answer = _Answer(prediction.key, at, prediction.value, prediction.state_id, record.timestamp, truth)
        self._answers[prediction.event_id] = answer
        self._count(answer, 1)
        self._stream_time = max(self._stream_time or at, at)
        self._newest_answers.add(record.timestamp, at, prediction.event_id)
        _forget(self._answers, self._bounds.remembered)

    def _take_label(self, record: Record, _value: bytes) -> None:
        known = self._read_truths.known(record)
        if known is None or known.event_id in self._truths:
            return
        self._truths[known.event_id] = known
        self._newest_truths.add(record.timestamp, known.known_at, known.event_id)
        _forget(self._truths, self._bounds.remembered)
        answer = self._answers.get(known.event_id)
        if answer is not None and answer.truth is None:
            answer.truth = known.truth
            self._settle(answer, 1)

    def _take_scorecard(self, _record: Record, value: bytes) -> None:
        card = self._scorecard = self._card(value)
        scores = {name: it.recent[card.metric] for name, it in card.scores.items() if card.metric in it.recent}
        as_of = micros(datetime.fromisoformat(card.as_of))
        for windows in (self._minutes, self._hours):
            window = windows.at(as_of)
            if window is not None:
                window.score(scores)

    def _count(self, answer: _Answer, sign: int) -> None:
        """Count an answer with its truth, or take it back."""
        outcome = self._outcomes.of(answer.value, answer.truth)
        for cell in self._cells(answer):
            cell.answer(outcome, sign)
        if answer.truth is not None:
            self._settle(answer, sign)

    def _settle(self, answer: _Answer, sign: int) -> None:
        outcome = self._outcomes.of(answer.value, answer.truth)
        for cell in self._cells(answer):
            cell.settle(outcome, sign)

    def _cells(self, answer: _Answer) -> Iterator[Cell]:
        for windows in (self._minutes, self._hours):
            window = windows.at(answer.at)
            if window is not None:
                yield from window.cells(answer.key)

    def shown(self, updated_at: datetime) -> views.Views:
        """Return the views as they are published."""
        task, most = self.use_case.task, self._bounds.segments_shown
        card = self._scorecard
        return views.Views(
            use_case=self.use_case.name,
            task=task.name,
            unit=task.unit,
            updated_at=updated_at,
            stream_time=None if self._stream_time is None else moment(self._stream_time),
            metric=None if card is None else card.metric,
            minutes=self._minutes.shown(most),
            hours=self._hours.shown(most),
            answers=[_new_answer(it, self._answers[it]) for it in self._newest_answers.all() if it in self._answers],
            truths=[self._new_truth(self._truths[it]) for it in self._newest_truths.all() if it in self._truths],
            scorecard=card,
        )

    def _new_truth(self, known: Known) -> views.NewTruth:
        answer = self._answers.get(known.event_id)
        value = None if answer is None else answer.value
        return views.NewTruth(event_id=known.event_id, known_at=moment(known.known_at), truth=known.truth, value=value)


def _new_answer(event_id: str, it: _Answer) -> views.NewAnswer:
    return views.NewAnswer(
        event_id=event_id,
        key=it.key,
        occurred_at=moment(it.at),
        made_at=moment(it.made_at * 1_000),
        state_id=it.state_id,
        value=it.value,
        truth=it.truth,
    )


def _forget(kept: OrderedDict[str, Any], most: int) -> None:
    if len(kept) > most:
        kept.popitem(last=False)

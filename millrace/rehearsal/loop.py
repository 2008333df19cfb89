"""Drives a shard over facts in order of time, in batches, as the trainer would."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice

import msgspec

from millrace.domain.facts import Event
from millrace.domain.log import Record, TopicPartition
from millrace.domain.metrics import IN_THE_TARGETS_UNIT, higher_is_better
from millrace.domain.records import Alarm
from millrace.domain.simulation import Drift
from millrace.domain.tasks import Regression
from millrace.domain.times import Micros
from millrace.domain.usecase import AnyUseCase, Fact
from millrace.learning.intake import Arrival
from millrace.learning.outcomes import Alarmed
from millrace.learning.scores import Score
from millrace.learning.shard import Shard, Step
from millrace.learning.shard import alarm as published
from millrace.rehearsal.intervals import Intervals
from millrace.rehearsal.oracle import Oracle
from millrace.rehearsal.periods import Course, Months
from millrace.rehearsal.report import CandidateReport, Month, Report

BATCH = 1_000
"""Records a batch."""
SETTLE_FOR: Micros = 1
"""How far time is moved past the last fact, so that labels of its moment are settled too."""

Progress = Callable[[int, int], None]
"""Is told how many facts are done, and of how many."""


def rehearse(
    use_case: AnyUseCase,
    facts: Sequence[Fact],
    progress: Progress | None = None,
    *,
    oracle: Mapping[str, float] | None = None,
    drifts: Sequence[Drift] = (),
    hear: Callable[[Step], None] | None = None,
) -> Report:
    """Learn from facts that are in order of availability; return how everyone who competes did.

    `oracle` has what one who knows the hidden causes predicts, by event id: it is scored on the same labels, beside the learner.
    `drifts` are named in the report. `hear` is told what comes of each batch, as it would be written to the log.
    """
    rehearsal = _Rehearsal(use_case.on_own_topics(), oracle)
    done = 0
    for records in _batches(rehearsal.use_case, facts):
        step = rehearsal.take(records, facts[done : done + len(records)])
        if hear:
            hear(step)
        done += len(records)
        if progress:
            progress(done, len(facts))
    return rehearsal.end(drifts)


class _Rehearsal:
    """A shard that learns, and what is noted on the way."""

    def __init__(self, use_case: AnyUseCase, oracle: Mapping[str, float] | None) -> None:
        self.use_case = use_case
        self._shard = Shard(use_case)
        self._shard.epoch = 1
        self._oracle = Oracle(use_case, oracle) if oracle else None
        self._intervals = _intervals(use_case)
        self._months, self._course = Months(self._shard), Course(self._shard, self._oracle)
        self._alarms: list[Alarm] = []
        self._dead_letters = self._taken = 0
        self._started = time.perf_counter()

    def take(self, records: list[Record], facts: Sequence[Fact]) -> Step:
        """Learn a batch of records, which hold these facts."""
        self._shard.committed(self._taken)
        self._taken += 1
        batch = _read(self._shard, records)
        self._months.turn(max(arrivals[0].time for arrivals in batch.values()))
        step = self._shard.take(batch)
        self._dead_letters += _refused(step)
        self._alarms += _alarms(step)
        if self._oracle:
            self._oracle.meet(facts)
            self._course.turn()
        if self._intervals:
            self._intervals.read(step.outputs)
            self._intervals.meet(facts)
        return step

    def end(self, drifts: Sequence[Drift]) -> Report:
        """Settle what is left of the last moment; return how everyone did."""
        shard = self._shard
        for outcome in shard.learner.advance(shard.learner.time + SETTLE_FOR):
            if isinstance(outcome, Alarmed):
                self._alarms.append(published(outcome, f"{shard.state_id}~{outcome.step}"))
        self._months.close()
        seconds = time.perf_counter() - self._started
        report = _report(shard, self._months.found, self._alarms, self._dead_letters, seconds)
        if self._intervals:
            self._intervals.advance(shard.learner.time)
            report = msgspec.structs.replace(report, intervals=self._intervals.reports())
        return self._beside_the_oracle(report, self._oracle, drifts) if self._oracle else report

    def _beside_the_oracle(self, report: Report, oracle: Oracle, drifts: Sequence[Drift]) -> Report:
        oracle.advance(self._shard.learner.time)
        self._course.close()
        began = {it.scenario: it.at for it in drifts}
        return msgspec.structs.replace(report, course=self._course.found, oracle=_overall(oracle.score), drifts=began)


def _intervals(use_case: AnyUseCase) -> Intervals | None:
    task = use_case.task
    return Intervals(use_case, task.interval) if isinstance(task, Regression) and task.interval else None


def _batches(use_case: AnyUseCase, facts: Sequence[Fact]) -> Iterator[list[Record]]:
    """Write facts as records of two topics, one partition each."""
    encode = msgspec.json.Encoder().encode
    events, labels = use_case.topic("events"), use_case.topic("labels")
    offsets = {events: 0, labels: 0}
    pending = iter(facts)
    while chunk := list(islice(pending, BATCH)):
        records: list[Record] = []
        for fact in chunk:
            topic = events if isinstance(fact, Event) else labels
            records.append(Record(topic, 0, offsets[topic], 0, None, encode(fact)))
            offsets[topic] += 1
        yield records


def _read(shard: Shard, records: list[Record]) -> dict[TopicPartition, list[Arrival]]:
    batch: dict[TopicPartition, list[Arrival]] = {}
    for record in records:
        batch.setdefault(TopicPartition(record.topic, 0), []).append(shard.intake.read(record))
    return batch


def _refused(step: Step) -> int:
    return sum(message.topic.endswith(".dead-letters") for message in step.outputs)


def _alarms(step: Step) -> list[Alarm]:
    decode = msgspec.json.Decoder(Alarm).decode
    return [decode(message.value or b"") for message in step.outputs if message.topic.endswith(".alarms")]


def _overall(score: Score) -> float | None:
    return score.overall().get(score.metric)


def _report(shard: Shard, months: list[Month], alarms: list[Alarm], dead_letters: int, seconds: float) -> Report:
    use_case, contest, counters = shard.use_case, shard.learner.contest, shard.learner.counters
    events = counters.get("events", 0)
    metric = next(iter(contest.scores.values())).metric
    return Report(
        use_case=use_case.name,
        question=use_case.question,
        metric=metric,
        higher_is_better=higher_is_better(metric),
        unit=use_case.task.unit if metric in IN_THE_TARGETS_UNIT else "",
        events=events,
        labels=shard.learner.labels,
        seconds=round(seconds, 3),
        events_per_second=round(events / seconds, 1) if seconds else 0.0,
        champion=contest.champion,
        state_id=str(shard.state_id),
        digest=shard.digest(),
        dead_letters=dead_letters,
        baselines={name: _overall(contest.scores[name]) for name in use_case.baselines},
        candidates={
            name: CandidateReport(
                metric=metric,
                overall=_overall(contest.scores[name]),
                recent=contest.scores[name].recent().get(metric),
                metrics=contest.scores[name].overall(),
                suspended=contest.suspended.get(name),
            )
            for name in use_case.candidates
        },
        months=months,
        alarms=alarms,
        counters=dict(sorted(counters.items())),
    )

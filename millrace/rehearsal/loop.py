"""Drives a shard over facts in order of time, in batches, as the trainer would."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import msgspec

from millrace.domain.facts import Event
from millrace.domain.log import Record, TopicPartition
from millrace.domain.metrics import IN_THE_TARGETS_UNIT, higher_is_better
from millrace.domain.records import Alarm
from millrace.domain.times import Micros, moment
from millrace.domain.usecase import AnyUseCase, Fact
from millrace.learning.intake import Arrival
from millrace.learning.outcomes import Alarmed
from millrace.learning.scores import Score
from millrace.learning.shard import Shard, Step
from millrace.learning.shard import alarm as published
from millrace.rehearsal.report import CandidateReport, Month, Report

BATCH = 1_000
"""Records a batch."""
SETTLE_FOR: Micros = 1
"""How far time is moved past the last fact, so that labels of its moment are settled too."""

Progress = Callable[[int, int], None]
"""Is told how many facts are done, and of how many."""


def rehearse(use_case: AnyUseCase, facts: Sequence[Fact], progress: Progress | None = None) -> Report:
    """Learn from facts that are in order of availability; return how everyone who competes did."""
    shard = Shard(use_case)
    shard.epoch = 1
    months = _Months(shard)
    dead_letters = done = 0
    alarms: list[Alarm] = []
    started = time.perf_counter()
    for entry, records in enumerate(_batches(use_case, facts)):
        shard.committed(entry)
        batch = _read(shard, records)
        months.turn(max(arrivals[0].time for arrivals in batch.values()))
        step = shard.take(batch)
        dead_letters += _refused(step)
        alarms += _alarms(step)
        done += len(records)
        if progress:
            progress(done, len(facts))
    for outcome in shard.learner.advance(shard.learner.time + SETTLE_FOR):
        if isinstance(outcome, Alarmed):
            alarms.append(published(outcome, f"{shard.state_id}~{outcome.step}"))
    months.close()
    return _report(shard, months.found, alarms, dead_letters, time.perf_counter() - started)


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


class _Months:
    """Scores each month of the stream by its own labels."""

    def __init__(self, shard: Shard) -> None:
        self._scores = shard.learner.contest.scores
        self._month = ""
        self._before = self._twins()
        self.found: list[Month] = []

    def turn(self, at: Micros) -> None:
        """Close the month when a batch begins in another."""
        month = moment(at).strftime("%Y-%m")
        if month != self._month:
            self.close()
            self._month = month

    def close(self) -> None:
        """Note the scores of what was settled since the last close."""
        settled = max(score.labels - self._before[name].labels for name, score in self._scores.items())
        if settled:
            since = {name: score.since(self._before[name]) for name, score in self._scores.items()}  # type: ignore[arg-type]
            known = {name: metrics[self._metric] for name, metrics in since.items() if self._metric in metrics}
            self.found.append(Month(self._month, settled, known))
        self._before = self._twins()

    @property
    def _metric(self) -> str:
        return next(iter(self._scores.values())).metric

    def _twins(self) -> dict[str, Score]:
        return {name: score.twin() for name, score in self._scores.items()}


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
        labels=counters.get("learnt", 0),
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

"""Drives a shard over facts in order of time, in batches, as the trainer would."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import msgspec

from millrace.domain.facts import Event
from millrace.domain.log import Record, TopicPartition
from millrace.domain.times import Micros, moment
from millrace.domain.usecase import AnyUseCase, Fact
from millrace.learning.intake import Arrival
from millrace.learning.scores import Score
from millrace.learning.shard import Shard, Step
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
    hear: Callable[[Step], None] | None = None,
) -> Report:
    """Learn from facts that are in order of availability; return how everyone who competes did.

    `hear` is told what comes of each batch, as it would be written to the log.
    """
    shard = Shard(use_case)
    shard.epoch = 1
    months = _Months(shard)
    dead_letters = done = 0
    started = time.perf_counter()
    for entry, records in enumerate(_batches(use_case, facts)):
        shard.committed(entry)
        batch = _read(shard, records)
        months.turn(max(arrivals[0].time for arrivals in batch.values()))
        step = shard.take(batch)
        dead_letters += _refused(step)
        if hear:
            hear(step)
        done += len(records)
        if progress:
            progress(done, len(facts))
    shard.learner.advance(shard.learner.time + SETTLE_FOR)
    months.close()
    return _report(shard, months.found, dead_letters, time.perf_counter() - started)


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


class _Months:
    """Cuts the running scores where the stream's month turns."""

    def __init__(self, shard: Shard) -> None:
        self._shard = shard
        self._month = ""
        self._before = self._sums()
        self.found: list[Month] = []

    def turn(self, at: Micros) -> None:
        """Close the month when a batch begins in another."""
        month = moment(at).strftime("%Y-%m")
        if month != self._month:
            self.close()
            self._month = month

    def close(self) -> None:
        """Note the scores of what was settled since the last close."""
        now = self._sums()
        scores = {name: _mean(self._before[name], now[name]) for name in now}
        settled = max(now[name][0] - self._before[name][0] for name in now)
        if settled:
            known = {name: score for name, score in scores.items() if score is not None}
            self.found.append(Month(self._month, settled, known))
        self._before = now

    def _sums(self) -> dict[str, tuple[int, float]]:
        return {
            name: (score.labels, score.labels * _overall(score))
            for name, score in self._shard.learner.contest.scores.items()
        }


def _mean(before: tuple[int, float], now: tuple[int, float]) -> float | None:
    labels = now[0] - before[0]
    return (now[1] - before[1]) / labels if labels else None


def _overall(score: Score) -> float:
    return score.overall().get(score.metric, 0.0)


def _report(shard: Shard, months: list[Month], dead_letters: int, seconds: float) -> Report:
    use_case, contest, counters = shard.use_case, shard.learner.contest, shard.learner.counters
    events = counters.get("events", 0)
    return Report(
        use_case=use_case.name,
        question=use_case.question,
        metric=next(iter(contest.scores.values())).metric,
        unit=use_case.task.unit,
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
                metric=contest.scores[name].metric,
                overall=_overall(contest.scores[name]),
                recent=contest.scores[name].recent().get(contest.scores[name].metric, 0.0),
                metrics=contest.scores[name].overall(),
                suspended=contest.suspended.get(name),
            )
            for name in use_case.candidates
        },
        months=months,
        counters=dict(sorted(counters.items())),
    )

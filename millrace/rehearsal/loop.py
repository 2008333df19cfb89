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
from millrace.domain.times import Micros, moment
from millrace.domain.usecase import AnyUseCase, Fact
from millrace.learning.intake import Arrival
from millrace.learning.outcomes import Alarmed
from millrace.learning.scores import Score
from millrace.learning.shard import Shard, Step
from millrace.learning.shard import alarm as published
from millrace.rehearsal.oracle import Oracle
from millrace.rehearsal.report import ORACLE, CandidateReport, Month, Report, Stretch

BATCH = 1_000
"""Records a batch."""
SETTLE_FOR: Micros = 1
"""How far time is moved past the last fact, so that labels of its moment are settled too."""

STRETCH = 5_000
"""Settled labels a stretch of a simulated stream's course."""

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
    use_case = use_case.on_own_topics()
    shard = Shard(use_case)
    shard.epoch = 1
    knowing = Oracle(use_case, oracle) if oracle else None
    months, course = _Months(shard), _Course(shard, knowing)
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
        if knowing:
            knowing.meet(facts[done : done + len(records)])
            course.turn()
        if hear:
            hear(step)
        done += len(records)
        if progress:
            progress(done, len(facts))
    for outcome in shard.learner.advance(shard.learner.time + SETTLE_FOR):
        if isinstance(outcome, Alarmed):
            alarms.append(published(outcome, f"{shard.state_id}~{outcome.step}"))
    months.close()
    report = _report(shard, months.found, alarms, dead_letters, time.perf_counter() - started)
    if not knowing:
        return report
    knowing.advance(shard.learner.time)
    course.close()
    return msgspec.structs.replace(
        report, course=course.found, oracle=_overall(knowing.score), drifts={it.scenario: it.at for it in drifts}
    )


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


class _Scores:
    """Scores that are cut into periods: what was settled since the last cut."""

    def __init__(self, scores: Mapping[str, Score]) -> None:
        self._scores = scores
        self._before = self._twins()

    def settled(self) -> int:
        """Return how many labels were settled since the last cut."""
        return max(score.labels - self._before[name].labels for name, score in self._scores.items())

    def cut(self) -> dict[str, float]:
        """Return everyone's metric since the last cut, and begin the next period."""
        since = {name: score.since(self._before[name]) for name, score in self._scores.items()}  # type: ignore[arg-type]
        metric = next(iter(self._scores.values())).metric
        self._before = self._twins()
        return {name: metrics[metric] for name, metrics in since.items() if metric in metrics}

    def _twins(self) -> dict[str, Score]:
        return {name: score.twin() for name, score in self._scores.items()}


class _Course:
    """Cuts a simulated stream into stretches of so many labels."""

    def __init__(self, shard: Shard, oracle: Oracle | None) -> None:
        known = {ORACLE: oracle.score} if oracle else {}
        self._scores = _Scores({**shard.learner.contest.scores, **known})
        self._until = 0
        self.found: list[Stretch] = []

    def turn(self) -> None:
        """Close the stretch when it is long enough."""
        if self._scores.settled() >= STRETCH:
            self.close()

    def close(self) -> None:
        """Note the scores of what was settled since the last close."""
        settled = self._scores.settled()
        if settled:
            self._until += settled
            self.found.append(Stretch(self._until, settled, self._scores.cut()))


class _Months:
    """Scores each month of the stream by its own labels."""

    def __init__(self, shard: Shard) -> None:
        self._scores = _Scores(shard.learner.contest.scores)
        self._month = ""
        self.found: list[Month] = []

    def turn(self, at: Micros) -> None:
        """Close the month when a batch begins in another."""
        month = moment(at).strftime("%Y-%m")
        if month != self._month:
            self.close()
            self._month = month

    def close(self) -> None:
        """Note the scores of what was settled since the last close."""
        settled = self._scores.settled()
        if settled:
            self.found.append(Month(self._month, settled, self._scores.cut()))


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

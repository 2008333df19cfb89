"""A shard's history: where it stands in the log, and the one function that moves it on.

The trainer, a follower and a rehearsal all call `Shard.take`; given the same ranges of the same records they make the same
outputs, the same chain and the same state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, NamedTuple, TypeVar

import msgspec

from millrace.domain.errors import HistoryLost
from millrace.domain.log import Message, Record, TopicPartition
from millrace.domain.records import Alarm, Batch, CheckpointEntry, CommandEntry, DeadLetter, Prediction
from millrace.domain.state_id import StateId
from millrace.domain.times import rfc3339
from millrace.domain.usecase import AnyUseCase
from millrace.learning.intake import Arrival, Clock, Intake
from millrace.learning.learner import Learner
from millrace.learning.outcomes import Alarmed, Foreseeing, Outcome, Refusal, Scored, Suspended
from millrace.learning.states import digest_of

encode: Callable[[Any], bytes] = msgspec.json.Encoder().encode

SOURCE = "ce_source"
SEQUENCE = "ce_sequence"
"""Header with a fact's number in its source; the newest of each partition is kept, for its producer to go on from."""


Taken = Mapping[TopicPartition, Sequence[Arrival]]
"""Records to process, by partition, each in the order of offsets."""
Ranges = dict[TopicPartition, tuple[int, int]]
Note = TypeVar("Note", CheckpointEntry, CommandEntry)


BIT = 16
"""Records that are learnt between two moments at which others may be heard."""
KEPT_BYTES = 500_000
"""A dead letter keeps so much of its record: as base64 it must fit into a record itself."""


class Step(NamedTuple):
    """What came of one batch: records to write, the journal entry that ends it, who was suspended."""

    outputs: list[Message]
    entry: Batch
    suspended: list[Suspended]


class Shard:
    """One shard's state and its place: epoch, newest journal entry, chain, positions in the input."""

    def __init__(self, use_case: AnyUseCase, number: int = 0, learner: Learner | None = None) -> None:
        self.use_case = use_case
        self.number = number
        self.learner = learner or Learner(use_case)
        self.intake = Intake(use_case)
        self.epoch = 0
        self.offset = -1
        self.chain = ""
        self.cluster_id = ""
        self.positions: dict[TopicPartition, int] = {}
        self.clocks: dict[TopicPartition, Clock] = {}
        self.sequences: dict[TopicPartition, int] = {}
        self._source = f"/millrace/recorded/{use_case.name}".encode()
        self._topics = {kind: use_case.topic(kind) for kind in ("predictions", "scorecards", "alarms", "dead-letters")}

    @property
    def state_id(self) -> StateId:
        """The name of the state after the newest journal entry."""
        return StateId(self.use_case.name, self.number, self.epoch, self.offset)

    def take(self, batch: Taken, passed: Iterable[TopicPartition] = ()) -> Step:
        """Process a batch: learn, and return what is to be written in one transaction.

        Afterwards the state is one that nobody has been told of; `committed` makes it the shard's.
        Raises `HistoryLost` when a record before a position comes again.
        """
        taking = self.taking(batch, passed)
        for _ in taking:
            pass
        return taking.step

    def taking(self, batch: Taken, passed: Iterable[TopicPartition] = ()) -> Taking:
        """Process a batch bit by bit, as `take` does: walk it to the end, then ask for its `step`."""
        return Taking(self, batch, passed)

    def begin(self, batch: Taken) -> tuple[Ranges, list[Arrival]]:
        """Put a batch in order; return its ranges too."""
        ranges = self._ranges(batch)
        arrivals, self.clocks = self.intake.arrange(batch, self.clocks)
        return ranges, arrivals

    def end(self, batch: Taken, ranges: Ranges, outputs: list[Message], passed: Iterable[TopicPartition]) -> Batch:
        """Move on past a batch whose records were all met; return its journal entry."""
        for where, (_first, end) in ranges.items():
            self.positions[where] = end
        self._note_sequences(batch)
        counters = dict(self.learner.counters)
        self.chain = chained(self.chain, ranges, outputs, counters)
        return Batch(
            epoch=self.epoch,
            previous=self.offset,
            chain=self.chain,
            ranges={str(where): its for where, its in sorted(ranges.items())},
            counters=counters,
            passed=sorted(str(where) for where in passed),
            time=rfc3339(self.learner.time),
        )

    def take_some(self, batch: Taken, n: int) -> None:
        """Process only the first `n` records of a batch and move time to the next: the state `~n` names. A dead end."""
        arrivals, _ = self.intake.arrange(batch, self.clocks)
        for _ in self.learner.meet(arrivals[:n]):
            pass
        if n < len(arrivals):
            self.learner.advance(max(arrivals[n].time, self.learner.time))

    def note(self, entry: Note) -> Note:
        """Return an entry that is no batch with its place in the history: epoch, entry before, chain."""
        placed = msgspec.structs.replace(entry, epoch=self.epoch, previous=self.offset, chain="")
        self.chain = blake2b(self.chain.encode() + encode(placed), digest_size=16).hexdigest()
        return msgspec.structs.replace(placed, chain=self.chain)

    def obey(self, command: Mapping[str, Any], where: TopicPartition, offset: int) -> CommandEntry:
        """Do what a command record asks, or refuse it; return the entry that says so."""
        refused = self._obey(command)
        self.positions[where] = offset + 1
        done = {**command, **({"refused": refused} if refused else {})}
        return self.note(CommandEntry(epoch=0, previous=0, chain="", command=done, topic=str(where), offset=offset))

    def _obey(self, command: Mapping[str, Any]) -> str | None:
        contest = self.learner.contest
        if command.get("command") != "promote":
            return f"there is no command {command.get('command')!r}; there is: promote"
        candidate = command.get("candidate")
        if candidate not in contest.players or candidate in contest.suspended:
            return f"{candidate!r} is no healthy candidate; there are: {', '.join(contest.players)}"
        contest.promote(candidate)
        return None

    def committed(self, offset: int) -> None:
        """Take note that an entry now stands in the journal at an offset."""
        self.offset = offset

    def _ranges(self, batch: Taken) -> Ranges:
        ranges: Ranges = {}
        for where, arrivals in batch.items():
            first = self.positions.get(where, 0)
            if arrivals[0].offset < first:
                raise HistoryLost(
                    f"{where} gives offset {arrivals[0].offset} again; everything before {first} is learnt"
                )
            ranges[where] = (first, arrivals[-1].offset + 1)
        return ranges

    def _note_sequences(self, batch: Taken) -> None:
        """Keep the newest number of each partition that came from the use case's own recording; others' are not ours."""
        for where, arrivals in batch.items():
            for arrival in reversed(arrivals):
                number = arrival.record.header(SEQUENCE)
                if number is not None and number.isdigit() and arrival.record.header(SOURCE) == self._source:
                    self.sequences[where] = int(number)
                    break

    def message(self, outcome: Outcome, base: str, arrivals: list[Arrival]) -> Message:
        """Return an outcome as a record to write."""
        if isinstance(outcome, Foreseeing):
            return Message(self._topics["predictions"], _prediction(outcome, base), outcome.key.encode())
        if isinstance(outcome, Refusal):
            letter = _dead_letter(outcome, arrivals[outcome.step].record)
            return Message(self._topics["dead-letters"], letter, partition=self.number)
        if isinstance(outcome, Alarmed):
            raised = encode(alarm(outcome, f"{base}~{outcome.step}"))
            return Message(self._topics["alarms"], raised, partition=self.number)
        assert isinstance(outcome, Scored)
        card = msgspec.structs.replace(outcome.card, state_id=f"{base}~{outcome.step}")
        return Message(self._topics["scorecards"], encode(card), partition=self.number)

    def digest(self) -> str:
        """Return the digest of the whole state and its place in the input."""
        return digest_of(self.learner, {str(where): next_ for where, next_ in self.positions.items()})


class Taking:
    """A batch being processed: walking it learns a few records at a time."""

    def __init__(self, shard: Shard, batch: Taken, passed: Iterable[TopicPartition]) -> None:
        self._shard = shard
        self._batch = batch
        self._passed = list(passed)
        self._step: Step | None = None

    def __iter__(self) -> Iterator[None]:
        shard = self._shard
        ranges, arrivals = shard.begin(self._batch)
        base = str(shard.state_id)
        take, message = shard.learner.take, shard.message
        outputs: list[Message] = []
        suspended: list[Suspended] = []
        for start in range(0, len(arrivals), BIT):
            outcomes: list[Outcome] = []
            for step, arrival in enumerate(arrivals[start : start + BIT], start):
                take(arrival, step, outcomes)
            for outcome in outcomes:
                if isinstance(outcome, Suspended):
                    suspended.append(outcome)
                else:
                    outputs.append(message(outcome, base, arrivals))
            yield
        self._step = Step(outputs, shard.end(self._batch, ranges, outputs, self._passed), suspended)

    @property
    def step(self) -> Step:
        """What came of the batch, once it was walked to its end."""
        assert self._step is not None, "the batch is not processed yet"
        return self._step


def _prediction(outcome: Foreseeing, base: str) -> bytes:
    return encode(
        Prediction(
            event_id=outcome.event_id,
            key=outcome.key,
            occurred_at=_in_utc(outcome.occurred_at),
            state_id=f"{base}~{outcome.step}",
            champion=outcome.champion or "",
            value=outcome.foreseen.get(outcome.champion) if outcome.champion else None,
            by_candidate=outcome.foreseen,
        )
    )


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


def alarm(outcome: Alarmed, state_id: str) -> Alarm:
    """Return an alarm as it is published, raised by the state that is named."""
    found = outcome.found
    return Alarm(
        state_id=state_id,
        at=rfc3339(outcome.at),
        event=outcome.event,
        what=found.what,
        name=found.name,
        detector=found.detector,
        value=found.value,
        threshold=found.threshold,
        also=found.also,
    )


def _dead_letter(refusal: Refusal, record: Record) -> bytes:
    value = record.value or b""
    cut = f" (the first {KEPT_BYTES} of its {len(value)} bytes are kept)" if len(value) > KEPT_BYTES else ""
    return encode(
        DeadLetter(
            reason=refusal.reason,
            detail=refusal.detail + cut,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            key=None if record.key is None else record.key.decode(errors="replace"),
            value=value[:KEPT_BYTES] or None,
        )
    )


def chained(
    previous: str,
    ranges: Mapping[TopicPartition, tuple[int, int]],
    outputs: Iterable[Message],
    counters: Mapping[str, int],
) -> str:
    """Return the chain's next value: a hash of the one before, of what was read, what was written and the counters."""
    hashed = blake2b(previous.encode(), digest_size=16)
    hashed.update(encode([[str(where), first, end] for where, (first, end) in sorted(ranges.items())]))
    hashed.update(b"".join([message.value or b"" for message in outputs]))
    hashed.update(encode(sorted(counters.items())))
    return hashed.hexdigest()

"""The learner: meets one fact after the other; predicts before it learns."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Any, Protocol

import msgspec

from millrace.domain.facts import Event, Label
from millrace.domain.records import Scorecard
from millrace.domain.tasks import Classification, Clustering
from millrace.domain.times import Micros, moment, rfc3339
from millrace.domain.usecase import AnyUseCase, Features
from millrace.learning.contest import Contest, Foreseen, Suspension
from millrace.learning.drift import GROUP, RARE_GROUP, SAMPLE_EVERY, Drift, Found
from millrace.learning.ledger import NO_TRUTH, Entry, Ledger
from millrace.learning.outcomes import Alarmed, Foreseeing, Outcome, Refusal, Scored, Skipped, Suspended, Unreadable
from millrace.learning.profiles import Memory

FORGET_EVERY: Micros = 6 * 3_600 * 1_000_000
"""Stream time between two looks for profiles that have run out."""

_PLAIN = frozenset((float, int, str, bool))

KEPT_EVENTS = 50
"""How many newest events a state carries, as examples."""

KEPT_ALARMS = 50
"""How many newest alarms a state carries."""


class Met(Protocol):
    """What the learner needs of an arrival: when it could be known, and the fact."""

    @property
    def time(self) -> Micros:
        """Availability time."""

    @property
    def fact(self) -> Event | Label | Unreadable | Skipped:
        """The fact, or why there is none."""


class Learner:
    """The whole state of one shard, but for where it stands in the log.

    `meet` takes facts in order and yields outcomes; it is deterministic: the same facts give the same state.
    """

    def __init__(self, use_case: AnyUseCase, models: dict[str, Any] | None = None) -> None:
        self.use_case = use_case
        self.memory = Memory(use_case)
        self.contest = Contest(use_case, models)
        self.ledger = Ledger(use_case, use_case.task.truth or NO_TRUTH)
        self.drift = Drift(use_case.candidates, RARE_GROUP if isinstance(use_case.task, Classification) else GROUP)
        self.alarms: deque[Alarmed] = deque(maxlen=KEPT_ALARMS)
        self.time: Micros = 0
        self.trained_until: Micros = 0
        self.counters: Counter[str] = Counter()
        self.recent: deque[Event] = deque(maxlen=KEPT_EVENTS)
        self._next_forget: Micros = 0
        self._since_scorecard = 0
        self._id_of = attrgetter(use_case.id_field)
        self._key_of = attrgetter(use_case.key_field)
        self._target = use_case.task.target
        self._groups = isinstance(use_case.task, Clustering)
        self._has_truth = use_case.task.truth is not None
        self._unsaid = use_case.unsaid
        self._derive = use_case.derive

    def meet(self, arrivals: Iterable[Met]) -> Iterator[Outcome]:
        """Take facts in order; yield what comes of each."""
        for step, arrival in enumerate(arrivals):
            outcomes: list[Outcome] = []
            self.take(arrival, step, outcomes)
            yield from outcomes

    def take(self, arrival: Met, step: int, outcomes: list[Outcome]) -> None:
        """Move time to a fact, settle what is due, then the fact itself; add what comes of it to the outcomes."""
        if arrival.time > self.time:
            self._advance(arrival.time, step, outcomes)
        fact = arrival.fact
        if isinstance(fact, Event):
            self._foresee(fact, arrival.time, step, outcomes)
        elif isinstance(fact, Label):
            self._hear(fact, arrival.time, step, outcomes)
        elif isinstance(fact, Skipped):
            self._count("skipped")
            self._count(f"skipped_{fact.why}")
        else:
            self._refuse(fact.reason, fact.detail, step, outcomes)

    def advance(self, to: Micros) -> list[Outcome]:
        """Move time forward, settle what it has passed, and return what came of it."""
        outcomes: list[Outcome] = []
        self._advance(to, 0, outcomes)
        return outcomes

    def _advance(self, to: Micros, step: int, outcomes: list[Outcome]) -> None:
        self.time = to
        for entry in self.ledger.settle(to):
            self._settle(entry, step, outcomes)
            if self._since_scorecard >= self.contest.scorecard_every:
                self._since_scorecard = 0
                outcomes.append(Scored(self.scorecard(""), step))
        if to >= self._next_forget:
            self.memory.forget(to)
            self._next_forget = to + FORGET_EVERY

    def _foresee(self, event: Event, at: Micros, step: int, outcomes: list[Outcome]) -> None:
        event_id: str = self._id_of(event)
        ledger = self.ledger
        if ledger.knows(event_id):
            self._refuse("duplicate", f"an event with id {event_id!r} was met before", step, outcomes)
            return
        try:
            seen = self.memory.seen(event, at)
            features = self.use_case.features(event, seen)
            _insist_on_plain(features)
            self.memory.saw(event, at)
        except Exception as error:  # noqa: BLE001 - an author's code may raise anything; the stream goes on
            detail = f"{type(error).__name__} while making features: {error}"
            self._refuse("features", detail, step, outcomes)
            return
        foreseen, fallen = self.contest.foresee(event, seen, features)
        if not self._has_truth:
            ledger.pass_over(event_id, at)
        elif ledger.has_room_for(event_id):
            ledger.expect(event_id, event, at, features, foreseen)
        else:
            self._count("ledger_skipped")
        self.recent.append(event)
        self.counters["events"] += 1
        key, champion = str(self._key_of(event)), self.contest.champion
        outcomes.append(Foreseeing(event_id, key, event.occurred_at, champion, foreseen, features, step))
        if fallen:
            self._out(fallen, outcomes)
        if self._groups:
            self._group(event, features, foreseen, at, step, outcomes)
        if self.counters["events"] % SAMPLE_EVERY == 0:
            self._alarm(self.drift.saw(features, champion, foreseen, at), step, outcomes)

    def _group(
        self, event: Event, features: Features, foreseen: Foreseen, at: Micros, step: int, outcomes: list[Outcome]
    ) -> None:
        """Learn an event that needs no label: at once, after it was predicted."""
        fallen = self.contest.group(features, foreseen, event, at)
        self.trained_until = max(self.trained_until, at)
        self.counters["learnt"] += 1
        if fallen:
            self._out(fallen, outcomes)
        self._since_scorecard += 1
        if self._since_scorecard >= self.contest.scorecard_every:
            self._since_scorecard = 0
            outcomes.append(Scored(self.scorecard(""), step))

    def _alarm(self, found: Found | None, step: int, outcomes: list[Outcome]) -> None:
        if found is not None:
            self._count(f"alarms_{found.what}")
            alarm = Alarmed(found, self.counters["events"], self.time, step)
            self.alarms.append(alarm._replace(step=0))  # a state does not depend on how batches fall
            outcomes.append(alarm)

    def _hear(self, label: Label, at: Micros, step: int, outcomes: list[Outcome]) -> None:
        outcome = self.ledger.hear(label, self.time, at)
        counters = self.counters
        counters["labels"] += 1
        counters["labels_" + outcome] += 1
        if outcome == "conflicting":
            detail = "another label of the same event said something else before"
            outcomes.append(Refusal("conflicting", detail, step))
        elif outcome == "unmatchable":
            outcomes.append(Refusal("unmatchable", "too many labels are waiting for their event", step))

    def _refuse(self, reason: str, detail: str, step: int, outcomes: list[Outcome]) -> None:
        self._count(f"refused_{reason}")
        outcomes.append(Refusal(reason, detail, step))

    def _settle(self, due: Entry, step: int, outcomes: list[Outcome]) -> None:
        if due.label is None and self._unsaid is not None:
            due.label = self._unsaid(due.event, moment(due.settled_at))
            self._count("taken_for_no")
        elif due.label is not None and self._derive is not None:
            due.label = self._derived(due)
        truth = None if due.label is None else self._target(due.label)
        if truth is None:
            self._count("expired" if due.label is None else "without_truth")
            return
        if self._groups:
            self.contest.score(due.foreseen, str(truth))
            self.counters["scored"] += 1
            self._alarm(self.drift.erred(self.contest.losses, due.occurred), step, outcomes)
            return
        if not due.foreseen:
            self._remember(due)
            self._count("learnt_by_profiles_only")
            return
        fallen = self.contest.learn(due.features, due.foreseen, float(truth))
        self._remember(due)
        self.trained_until = max(self.trained_until, due.occurred)
        self._since_scorecard += 1
        self.counters["learnt"] += 1
        if fallen:
            self._out(fallen, outcomes)
        drifted = self.drift.erred(self.contest.losses, due.occurred)
        if drifted is not None:
            self._alarm(drifted, step, outcomes)

    def _remember(self, due: Entry) -> None:
        try:
            self.memory.settled(due.event, due.label, due.settled_at)
        except Exception:  # noqa: BLE001 - an author's code may raise anything; the stream goes on
            self._count("profiles_failed")

    def _derived(self, due: Entry) -> Label | None:
        try:
            made: Label = self._derive(due.event, due.label)  # type: ignore[misc]
            return made
        except Exception:  # noqa: BLE001 - an author's code may raise anything; the stream goes on
            self._count("derive_failed")
            return None

    def _out(self, fallen: list[Suspension], outcomes: list[Outcome]) -> None:
        for one in fallen:
            self._count("suspended")
            outcomes.append(Suspended(one.candidate, f"{one.error} while {one.while_}"))

    def _count(self, what: str) -> None:
        self.counters[what] += 1

    def dump(self) -> dict[str, Any]:
        """Return the whole state as parts: plain data and models."""
        return {
            "models": {name: player.model for name, player in self.contest.players.items()},
            "contest": self.contest.dump(),
            "profiles": self.memory.dump(),
            "ledger": self.ledger.dump(),
            "clock": (self.time, self.trained_until, self._next_forget, self._since_scorecard),
            "counters": dict(self.counters),
            "drift": self.drift.dump(),
            "alarms": self.alarms,
            "recent": [msgspec.json.encode(event) for event in self.recent],
        }

    def load(self, parts: dict[str, Any]) -> None:
        """Take over a state that was dumped."""
        for name, player in self.contest.players.items():
            player.model = parts["models"][name]
        self.contest.load(parts["contest"])
        self.memory.load(parts["profiles"])
        self.ledger.load(parts["ledger"])
        self.time, self.trained_until, self._next_forget, self._since_scorecard = parts["clock"]
        self.counters = Counter(parts["counters"])
        self.drift.load(parts["drift"])
        self.alarms = parts["alarms"]
        read = msgspec.json.Decoder(self.use_case.event).decode
        self.recent = deque((read(event) for event in parts["recent"]), maxlen=KEPT_EVENTS)

    @property
    def labels(self) -> int:
        """How many labels were scored; all of them were learnt too, but where events are grouped."""
        return self.counters["scored" if self._groups else "learnt"]

    def scorecard(self, state_id: str) -> Scorecard:
        """Return how all who compete stand, as a record."""
        return Scorecard(
            state_id=state_id,
            as_of=rfc3339(self.time),
            events=self.counters["events"],
            labels=self.labels,
            metric=next(iter(self.contest.scores.values())).metric,
            scores=self.contest.standings(),
            alarms=sum(self.counters[f"alarms_{what}"] for what in ("feature", "prediction", "error")),
        )


def _insist_on_plain(features: Features) -> None:
    """Raise `TypeError` for what cannot wait in the ledger and come back the same."""
    if not _PLAIN.issuperset(map(type, features.values())):
        [(name, value), *_] = [it for it in features.items() if type(it[1]) not in _PLAIN]
        raise TypeError(f"feature {name!r} is a {type(value).__name__}; it must be a float, int, str or bool")

"""The learner: meets one fact after the other; predicts before it learns."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Any, Protocol

from millrace.domain.facts import Event, Label
from millrace.domain.records import Score as ScoreRecord
from millrace.domain.tasks import Classification
from millrace.domain.times import Micros, micros, rfc3339
from millrace.domain.usecase import AnyUseCase
from millrace.learning.contest import Contest, Suspension
from millrace.learning.ledger import Due, Ledger
from millrace.learning.outcomes import Foreseeing, Outcome, Refusal, ScoresDue, Suspended, Unreadable
from millrace.learning.profiles import Memory

SCORECARD_EVERY = 200
"""Settled labels between two scorecards."""

FORGET_EVERY: Micros = 6 * 3_600 * 1_000_000
"""Stream time between two looks for profiles that have run out."""

KEPT_EVENTS = 50
"""How many newest events a state carries, as examples."""


class Met(Protocol):
    """What the learner needs of an arrival: when it could be known, and the fact."""

    @property
    def time(self) -> Micros:
        """Availability time."""

    @property
    def fact(self) -> Event | Label | Unreadable:
        """The fact, or why there is none."""


class Learner:
    """The whole state of one shard, but for where it stands in the log.

    `meet` takes facts in order and yields outcomes; it is deterministic: the same facts give the same state.
    """

    def __init__(self, use_case: AnyUseCase, models: dict[str, Any] | None = None) -> None:
        truth = use_case.task.truth
        if truth is None:
            raise NotImplementedError
        self.use_case = use_case
        self.memory = Memory(use_case)
        self.contest = Contest(use_case, models)
        self.ledger = Ledger(use_case, truth)
        self.time: Micros = 0
        self.trained_until: Micros = 0
        self.counters: dict[str, int] = {}
        self.recent: deque[Event] = deque(maxlen=KEPT_EVENTS)
        self._next_forget: Micros = 0
        self._since_scorecard = 0
        self._id_of = attrgetter(use_case.id_field)
        self._key_of = attrgetter(use_case.key_field)
        self._target = use_case.task.target  # type: ignore[union-attr]
        self._negative_if_missing = truth.if_missing == "negative"
        self._is_classification = isinstance(use_case.task, Classification)

    def meet(self, arrivals: Iterable[Met]) -> Iterator[Outcome]:
        """Take facts in order: for each, move time, settle what is due, then the fact itself."""
        for step, arrival in enumerate(arrivals):
            if arrival.time > self.time:
                yield from self.advance(arrival.time, step)
            fact = arrival.fact
            if isinstance(fact, Event):
                yield from self._foresee(fact, arrival.time, step)
            elif isinstance(fact, Label):
                yield from self._hear(fact, step)
            else:
                self._count(f"refused_{fact.reason}")
                yield Refusal(fact.reason, fact.detail, step)

    def advance(self, to: Micros, step: int = 0) -> Iterator[Outcome]:
        """Move time forward and settle what it has passed."""
        self.time = to
        for due in self.ledger.settle(to):
            yield from self._settle(due)
            if self._since_scorecard >= SCORECARD_EVERY:
                self._since_scorecard = 0
                yield ScoresDue(step)
        if to >= self._next_forget:
            self.memory.forget(to)
            self._next_forget = to + FORGET_EVERY

    def _foresee(self, event: Event, at: Micros, step: int) -> Iterator[Outcome]:
        event_id: str = self._id_of(event)
        if self.ledger.knows(event_id):
            self._count("refused_duplicate")
            yield Refusal("duplicate", f"an event with id {event_id!r} was met before", step)
            return
        try:
            seen = self.memory.seen(event, at)
            features = self.use_case.features(event, seen)
            self.memory.saw(event, at)
        except Exception as error:  # noqa: BLE001 - an author's code may raise anything; the stream goes on
            self._count("refused_features")
            yield Refusal("features", f"{type(error).__name__} while making features: {error}", step)
            return
        foreseen, fallen = self.contest.foresee(event, seen, features)
        if self.ledger.has_room_for(event_id):
            self.ledger.expect(event_id, event, at, features, foreseen)
        else:
            self._count("ledger_skipped")
        self.recent.append(event)
        self._count("events")
        yield Foreseeing(
            event_id, str(self._key_of(event)), rfc3339(at), self.contest.champion, foreseen, features, step
        )
        yield from self._out(fallen)

    def _hear(self, label: Label, step: int) -> Iterator[Outcome]:
        self._count("labels")
        outcome = self.ledger.hear(label, self.time)
        self._count(f"labels_{outcome}")
        if outcome == "conflicting":
            yield Refusal("conflicting", "another label of the same event said something else before", step)
        elif outcome == "unmatchable":
            yield Refusal("unmatchable", "too many labels are waiting for their event", step)

    def _settle(self, due: Due) -> Iterator[Outcome]:
        truth = self._truth(due)
        if truth is None:
            self._count("expired" if due.label is None else "without_truth")
            return
        fallen = self.contest.learn(due.features, due.foreseen, truth)
        if due.label is not None:
            self._remember(due)
        self.trained_until = max(self.trained_until, _occurred(due))
        self._since_scorecard += 1
        self._count("learnt")
        yield from self._out(fallen)

    def _remember(self, due: Due) -> None:
        try:
            self.memory.settled(due.event, due.label, due.at)
        except Exception:  # noqa: BLE001 - an author's code may raise anything; the stream goes on
            self._count("profiles_failed")

    def _truth(self, due: Due) -> float | None:
        if due.label is not None:
            truth = self._target(due.label)
            return None if truth is None else float(truth)
        return 0.0 if self._negative_if_missing and self._is_classification else None

    def _out(self, fallen: list[Suspension]) -> Iterator[Outcome]:
        for one in fallen:
            self._count("suspended")
            yield Suspended(one.candidate, f"{one.error} while {one.while_}")

    def _count(self, what: str) -> None:
        self.counters[what] = self.counters.get(what, 0) + 1

    def dump(self) -> dict[str, Any]:
        """Return the whole state as parts: plain data and models."""
        return {
            "models": {name: player.model for name, player in self.contest.players.items()},
            "contest": self.contest.dump(),
            "profiles": self.memory.dump(),
            "ledger": self.ledger.dump(),
            "clock": (self.time, self.trained_until, self._next_forget, self._since_scorecard),
            "counters": self.counters,
            "recent": list(self.recent),
        }

    def load(self, parts: dict[str, Any]) -> None:
        """Take over a state that was dumped."""
        for name, player in self.contest.players.items():
            player.model = parts["models"][name]
        self.contest.load(parts["contest"])
        self.memory.load(parts["profiles"])
        self.ledger.load(parts["ledger"])
        self.time, self.trained_until, self._next_forget, self._since_scorecard = parts["clock"]
        self.counters = parts["counters"]
        self.recent = deque(parts["recent"], maxlen=KEPT_EVENTS)

    def standings(self) -> dict[str, ScoreRecord]:
        """Return how everyone who competes stands."""
        contest = self.contest
        return {
            name: ScoreRecord(
                role=self._role(name),
                labels=score.labels,
                overall=score.overall(),
                recent=score.recent(),
                versus_champion=contest.duels[name].mean(),
            )
            for name, score in contest.scores.items()
        }

    def _role(self, name: str) -> Any:
        if name in self.contest.suspended:
            return "suspended"
        if name == self.contest.champion:
            return "champion"
        return "challenger" if name in self.contest.players else "baseline"


def _occurred(due: Due) -> Micros:
    return micros(due.event.occurred_at)

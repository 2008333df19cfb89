"""The ledger: predictions waiting for their label, packed, bounded, settled in a seeded order.

A label is due when it may be learnt: as it becomes known, or at the horizon (`Truth.release`). What is due is settled when
time moves past it, by (due, seeded hash of the event id), so that labels that fall together are learnt in no telling order.
"""

from __future__ import annotations

import heapq
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

import msgspec

from millrace.domain.facts import Event, Label
from millrace.domain.tasks import Truth
from millrace.domain.times import Micros, micros
from millrace.domain.usecase import AnyUseCase, Features
from millrace.learning.contest import Foreseen
from millrace.learning.hashing import seeded

MAX_EARLY = 100_000
"""Labels kept while their event is not here yet."""

LabelOutcome = Literal["matched", "early", "duplicate", "conflicting", "late", "unmatchable"]


class Due(NamedTuple):
    """A prediction whose time has come: with its truth, or without (`label` is `None`: patience ran out)."""

    event_id: str
    event: Any
    features: Features
    foreseen: Foreseen
    label: Any | None
    at: Micros


class Entry:
    """One waiting prediction, packed (MessagePack of event, features, predictions), with its label once known.

    `rank` is the seeded hash of the event's id: the order among what falls due together.
    """

    __slots__ = ("expires", "label", "occurred", "packed", "rank")

    def __init__(self, packed: bytes, occurred: Micros, expires: Micros, rank: int) -> None:
        self.packed = packed
        self.occurred = occurred
        self.expires = expires
        self.rank = rank
        self.label: Label | None = None

    def __getstate__(self) -> tuple[Any, ...]:
        return self.packed, self.occurred, self.expires, self.rank, self.label

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.packed, self.occurred, self.expires, self.rank, self.label = state


Agenda = list[tuple[Micros, int, str]]
"""A heap of (when, seeded hash, event id)."""


class Shapes:
    """The names that dicts of features and predictions have, kept once.

    It saves room, and time too: models look features up by name, and names that are the same objects every time are
    found several times as fast as equal ones made anew.
    """

    def __init__(self) -> None:
        self.known: list[tuple[str, ...]] = []
        self._numbers: dict[tuple[str, ...], int] = {}

    def number(self, of: Mapping[str, Any]) -> int:
        """Return the number of a dict's names."""
        names = tuple(of)
        number = self._numbers.get(names)
        if number is None:
            number = self._numbers[names] = len(self.known)
            self.known.append(names)
        return number

    def names(self, number: int) -> tuple[str, ...]:
        """Return the names that have a number."""
        return self.known[number]

    def load(self, known: list[tuple[str, ...]]) -> None:
        """Take over what others kept."""
        self.known = [tuple(map(sys.intern, names)) for names in known]
        self._numbers = {names: number for number, names in enumerate(self.known)}


class Ledger:
    """Predictions that wait, labels that came before their event, and ids that are done with."""

    def __init__(self, use_case: AnyUseCase, truth: Truth[Any]) -> None:
        self._truth = truth
        self._seed = use_case.seed
        self._limit = use_case.ledger_limit
        self._of = use_case.of_field
        self._pack = msgspec.msgpack.Encoder().encode
        packed = tuple[use_case.event, int, list[Any], int, list[float]]  # type: ignore[name-defined]
        self._unpack = msgspec.msgpack.Decoder(packed).decode
        self._shapes = Shapes()
        self.waiting: dict[str, Entry] = {}
        self.early: dict[str, Label] = {}
        self.done: dict[str, Label | None] = {}
        self._due: Agenda = []
        self._expiring: Agenda = []
        self._forgetting: Agenda = []
        self.bytes = 0
        self.orphans = 0

    def knows(self, event_id: str) -> bool:
        """Tell whether an event with this id is waiting or done with."""
        return event_id in self.waiting or event_id in self.done

    def has_room_for(self, event_id: str) -> bool:
        """Tell whether to keep one more: always up to half of the limit, then ever fewer, chosen by seeded hash."""
        fill = self.bytes / self._limit
        return fill < 0.5 or seeded(self._seed + 1, event_id) / 2**64 < 2 * (1 - fill)

    def expect(self, event_id: str, event: Event, at: Micros, features: Features, foreseen: Foreseen) -> None:
        """Wait for the truth about an event; a label that came first meets it here."""
        shape_of = self._shapes.number
        packed = self._pack(
            (event, shape_of(features), list(features.values()), shape_of(foreseen), list(foreseen.values()))
        )
        entry = Entry(packed, at, at + self._truth.patience, seeded(self._seed, event_id))
        self.waiting[event_id] = entry
        self.bytes += len(packed)
        heapq.heappush(self._expiring, (entry.expires, entry.rank, event_id))
        label = self.early.pop(event_id, None)
        if label is not None:
            self._match(event_id, entry, label)

    def hear(self, label: Label, now: Micros) -> LabelOutcome:
        """Take a label; say what came of it."""
        event_id: str = getattr(label, self._of)
        entry = self.waiting.get(event_id)
        if entry is not None:
            if entry.label is None:
                self._match(event_id, entry, label)
                return "matched"
            return "duplicate" if self._same(entry.label, label) else "conflicting"
        if event_id in self.done:
            before = self.done[event_id]
            if before is None:
                return "late"
            return "duplicate" if self._same(before, label) else "conflicting"
        return self._hold(event_id, label, now)

    def _hold(self, event_id: str, label: Label, now: Micros) -> LabelOutcome:
        if event_id in self.early:
            return "duplicate" if self._same(self.early[event_id], label) else "conflicting"
        if len(self.early) >= MAX_EARLY:
            return "unmatchable"
        self.early[event_id] = label
        until = max(now, micros(label.known_at)) + self._truth.patience
        heapq.heappush(self._forgetting, (until, seeded(self._seed, event_id), event_id))
        return "early"

    def _same(self, before: Label, label: Label) -> bool:
        return self._truth_of(before) == self._truth_of(label)

    @staticmethod
    def _truth_of(label: Label) -> tuple[Any, ...]:
        return tuple(getattr(label, name) for name in label.__struct_fields__ if name != "known_at")

    def _match(self, event_id: str, entry: Entry, label: Label) -> None:
        entry.label = label
        held = self._truth.release == "at_horizon"
        due = entry.occurred + self._truth.horizon if held else micros(label.known_at)
        heapq.heappush(self._due, (due, entry.rank, event_id))

    def settle(self, now: Micros) -> Iterator[Due]:
        """Yield what time has moved past, in order; forget ids whose time is over.

        A label that is due at the very moment waits: others of its moment may still come.
        """
        while True:
            due = self._due[0] if self._due and self._due[0][0] < now else None
            expiring = self._expiring[0] if self._expiring and self._expiring[0][0] < now else None
            if due is not None and (expiring is None or due[0] <= expiring[0]):
                heapq.heappop(self._due)
                yield self._close(due[2], due[0])
            elif expiring is not None:
                heapq.heappop(self._expiring)
                entry = self.waiting.get(expiring[2])
                if entry is not None and entry.label is None:
                    yield self._close(expiring[2], expiring[0])
            else:
                break
        self._forget(now)

    def _close(self, event_id: str, at: Micros) -> Due:
        entry = self.waiting.pop(event_id)
        self.bytes -= len(entry.packed)
        self.done[event_id] = entry.label
        until = entry.expires + self._truth.patience
        heapq.heappush(self._forgetting, (until, entry.rank, event_id))
        event, shape, values, shape_foreseen, predicted = self._unpack(entry.packed)
        features = dict(zip(self._shapes.names(shape), values, strict=True))
        foreseen = dict(zip(self._shapes.names(shape_foreseen), predicted, strict=True))
        return Due(event_id, event, features, foreseen, entry.label, at)

    def _forget(self, now: Micros) -> None:
        while self._forgetting and self._forgetting[0][0] < now:
            event_id = heapq.heappop(self._forgetting)[2]
            self.done.pop(event_id, None)
            if self.early.pop(event_id, None) is not None:
                self.orphans += 1

    def dump(self) -> dict[str, Any]:
        """Return everything, as it is kept in a checkpoint."""
        return {"shapes": self._shapes.known, **{name: getattr(self, name) for name in _KEPT}}

    def load(self, kept: dict[str, Any]) -> None:
        """Take over what another ledger kept."""
        self._shapes.load(kept["shapes"])
        for name in _KEPT:
            setattr(self, name, kept[name])


_KEPT = ("waiting", "early", "done", "_due", "_expiring", "_forgetting", "bytes", "orphans")

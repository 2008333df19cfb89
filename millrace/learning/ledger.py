"""The ledger: predictions waiting for their label, bounded, settled in a seeded order.

A label is due when it may be learnt: as it becomes known, or at the horizon (`Truth.release`). What is due is settled when
time moves past it, by (due, seeded hash of the event id), so that labels that fall together are learnt in no telling order.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Literal

import msgspec

from millrace.domain.facts import Event, Label
from millrace.domain.tasks import Truth
from millrace.domain.times import SECOND, Micros, micros
from millrace.domain.usecase import AnyUseCase, Features
from millrace.learning.contest import Foreseen
from millrace.learning.hashing import rank, seeded
from millrace.learning.packing import Packing

MAX_EARLY = 100_000
"""Labels kept while their event is not here yet."""
UNPACKED = 20_000
"""Entries that may wait as they are; beyond, new ones are packed. 20,000 take some 60 MB."""
WEIGHED_EVERY = 64
"""Of so many entries one is weighed, by packing it; those after it count as much."""
FOR_EVER: Micros = 2**62
NO_TRUTH = Truth(Label, patience="1d")
"""Where no truth is waited for, ids of events are known so long, so that one that comes twice is noticed."""

LabelOutcome = Literal["matched", "early", "duplicate", "conflicting", "late", "unmatchable"]


class Entry(msgspec.Struct):
    """One waiting prediction, as it was made or packed, with its label once known.

    `rank` is the seeded hash of the event's id: the order among what falls due together. `size` is what it counts for.
    Settled (at `settled_at`), it has its truth, or no label because patience ran out.
    """

    event_id: str
    occurred: Micros
    expires: Micros
    rank: int
    size: int
    label: Any = None
    packed: bytes | None = None
    event: Any = None
    features: Any = None
    foreseen: Any = None
    settled_at: Micros = 0


Agenda = list[tuple[Micros, int, str]]
"""A heap of (when, seeded hash, event id)."""


class Calendar:
    """Event ids by the span of time they fall into: what is far away is only put aside, in no order."""

    def __init__(self, width: Micros) -> None:
        self._width = width
        self.pages: dict[int, list[str]] = {}
        self.next: Micros = FOR_EVER

    def put(self, at: Micros, event_id: str) -> None:
        """Note an id at a moment."""
        page = at // self._width
        ids = self.pages.get(page)
        if ids is not None:
            ids.append(event_id)
            return
        self.pages[page] = [event_id]
        self.next = min(self.next, page * self._width)

    def turn(self, now: Micros) -> Iterator[list[str]]:
        """Take out, in order, the pages that have begun before a moment."""
        for page in sorted(page for page in self.pages if page * self._width < now):
            yield self.pages.pop(page)
        self.next = min(self.pages, default=FOR_EVER // self._width) * self._width

    def load(self, pages: dict[int, list[str]]) -> None:
        """Take over another calendar's pages."""
        self.pages = pages
        self.next = min(pages, default=FOR_EVER // self._width) * self._width


class Ledger:
    """Predictions that wait, labels that came before their event, and ids that are done with."""

    def __init__(self, use_case: AnyUseCase, truth: Truth[Any]) -> None:
        self._truth = truth
        self._patience = truth.patience
        self._held = truth.release == "at_horizon"
        self._seed = use_case.seed
        self._limit = use_case.ledger_limit
        self._of = use_case.of_field
        self._packing = Packing(use_case.event)
        self.waiting: dict[str, Entry] = {}
        self.early: dict[str, Label] = {}
        self.done: dict[str, Label | None] = {}
        self._due: Agenda = []
        self._expiring: Agenda = []
        page = max(truth.patience // 16, SECOND)
        self._to_expire = Calendar(page)
        self._to_forget = Calendar(page)
        self._to_give_up = Calendar(page)
        self._page = page
        self.bytes = 0
        self.orphans = 0
        self._expected = 0
        self._weight = 0

    def knows(self, event_id: str) -> bool:
        """Tell whether an event with this id is waiting or done with."""
        return event_id in self.waiting or event_id in self.done

    def has_room_for(self, event_id: str) -> bool:
        """Tell whether to keep one more: always up to half of the limit, then ever fewer, chosen by seeded hash."""
        fill = self.bytes / self._limit
        return fill < 0.5 or seeded(self._seed + 1, event_id) / 2**64 < 2 * (1 - fill)

    def expect(self, event_id: str, event: Event, at: Micros, features: Features, foreseen: Foreseen) -> None:
        """Wait for the truth about an event; a label that came first meets it here."""
        number = self._packing.shapes.number
        number(features), number(foreseen)  # numbered as they first come, whoever packs them later
        packed = None
        if self._expected % WEIGHED_EVERY == 0:
            packed = self._packing.pack(event, features, foreseen)
            self._weight = len(packed)
        self._expected += 1
        expires = at + self._patience
        its_rank = rank(self._seed, event_id)
        if len(self.waiting) < UNPACKED and self._packing.may_stay(event):
            entry = Entry(event_id, at, expires, its_rank, self._weight, None, None, event, features, foreseen)
        else:
            packed = packed or self._packing.pack(event, features, foreseen)
            entry = Entry(event_id, at, expires, its_rank, self._weight, None, packed)
        self.waiting[event_id] = entry
        self.bytes += self._weight
        self._to_expire.put(expires, event_id)
        if self.early:
            label = self.early.pop(event_id, None)
            if label is not None:
                self._match(entry, label, micros(label.known_at))

    def pass_over(self, event_id: str, at: Micros) -> None:
        """Note an event that no truth is waited for."""
        self.done[event_id] = None
        self._to_forget.put(at + self._patience + self._page, event_id)

    def hear(self, label: Label, now: Micros, known: Micros | None = None) -> LabelOutcome:
        """Take a label, known since `known` (by default, what it says itself); say what came of it."""
        event_id: str = getattr(label, self._of)
        entry = self.waiting.get(event_id)
        if entry is not None:
            if entry.label is None:
                self._match(entry, label, micros(label.known_at) if known is None else known)
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
        self._to_give_up.put(max(now, micros(label.known_at)) + self._patience + self._page, event_id)
        return "early"

    def _same(self, before: Label, label: Label) -> bool:
        return self._truth_of(before) == self._truth_of(label)

    @staticmethod
    def _truth_of(label: Label) -> tuple[Any, ...]:
        return tuple(getattr(label, name) for name in label.__struct_fields__ if name != "known_at")

    def _match(self, entry: Entry, label: Label, known: Micros) -> None:
        entry.label = label
        due = max(entry.occurred + self._truth.horizon, known) if self._held else known
        heapq.heappush(self._due, (due, entry.rank, entry.event_id))

    def settle(self, now: Micros) -> Iterable[Entry]:
        """Yield what time has moved past, in order; forget ids whose time is over.

        A label that is due at the very moment waits: others of its moment may still come.
        """
        if self._to_forget.next < now or self._to_give_up.next < now:
            self._forget(now)
        if self._to_expire.next < now:
            self._look_for_expired(now)
        due, expiring = self._due, self._expiring
        if (due and due[0][0] < now) or (expiring and expiring[0][0] < now):
            return self._settle(now)
        return ()

    def _look_for_expired(self, now: Micros) -> None:
        """Put those still without a label, of the pages that begin, in the order in which they run out."""
        for page in self._to_expire.turn(now):
            for event_id in page:
                entry = self.waiting.get(event_id)
                if entry is not None and entry.label is None:
                    heapq.heappush(self._expiring, (entry.expires, entry.rank, event_id))

    def _settle(self, now: Micros) -> Iterator[Entry]:
        due, expiring = self._due, self._expiring
        while True:
            first = due[0] if due and due[0][0] < now else None
            if expiring and expiring[0][0] < now and (first is None or expiring[0][:2] < first[:2]):
                at, _, event_id = heapq.heappop(expiring)
                entry = self.waiting.get(event_id)
                if entry is not None and entry.label is None:
                    yield self._close(entry, at)
            elif first is not None:
                heapq.heappop(due)
                yield self._close(self.waiting[first[2]], first[0])
            else:
                return

    def _close(self, entry: Entry, at: Micros) -> Entry:
        event_id = entry.event_id
        del self.waiting[event_id]
        self.bytes -= entry.size
        self.done[event_id] = entry.label
        self._to_forget.put(entry.expires + self._patience + self._page, event_id)
        if entry.packed is not None:
            entry.event, entry.features, entry.foreseen = self._packing.unpack(entry.packed)
        entry.settled_at = at
        return entry

    def _forget(self, now: Micros) -> None:
        for page in self._to_forget.turn(now):
            for event_id in page:
                self.done.pop(event_id, None)
        for page in self._to_give_up.turn(now):
            self.orphans += sum(self.early.pop(event_id, None) is not None for event_id in page)

    def restrict(self, names: Collection[str]) -> None:
        """Keep of what was predicted only what those named did, as if nobody else had answered."""
        for entry in self.waiting.values():
            if entry.packed is not None:
                entry.event, entry.features, entry.foreseen = self._packing.unpack(entry.packed)
            entry.foreseen = {name: value for name, value in entry.foreseen.items() if name in names}
            entry.packed = self._packing.pack(entry.event, entry.features, entry.foreseen)
            entry.event = entry.features = entry.foreseen = None

    def dump(self) -> dict[str, Any]:
        """Return everything, as it is kept in a checkpoint: plain data, entries packed."""
        return {
            "waiting": [self._row(entry) for entry in self.waiting.values()],
            "shapes": self._packing.shapes.known,
            "to_expire": self._to_expire.pages,
            "to_forget": self._to_forget.pages,
            "to_give_up": self._to_give_up.pages,
            **{name: getattr(self, name) for name in _KEPT},
        }

    def _row(self, it: Entry) -> tuple[Any, ...]:
        packed = it.packed or self._packing.pack(it.event, it.features, it.foreseen)
        return it.event_id, it.occurred, it.expires, it.rank, it.size, it.label, packed

    def load(self, kept: dict[str, Any]) -> None:
        """Take over what another ledger kept."""
        self._packing.shapes.load(kept["shapes"])
        self.waiting = {}
        for event_id, occurred, expires, its_rank, size, label, packed in kept["waiting"]:
            self.waiting[event_id] = Entry(event_id, occurred, expires, its_rank, size, label, packed)
        self._to_expire.load(kept["to_expire"])
        self._to_forget.load(kept["to_forget"])
        self._to_give_up.load(kept["to_give_up"])
        for name in _KEPT:
            setattr(self, name, kept[name])


_KEPT = ("early", "done", "_due", "_expiring", "bytes", "orphans", "_expected", "_weight")

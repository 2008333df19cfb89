"""One client's way through what is told: where it begins, what comes next, and when it can follow no longer."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from apps.api.recent import Item, Place, Recent
from apps.api.replies import Begin, End
from millrace.domain.errors import MillraceError


class FellBehind(MillraceError):
    """What was to come next for a client is not kept any more."""

    kind = "fell-behind"


class Following:
    """Goes from a place on, in the form of server-sent events.

    No event comes twice and none is left out; where that cannot be, an event `begin` says so.
    """

    def __init__(self, recent: Recent, after: str | None) -> None:
        self._recent = recent
        self._asked = after

    def begin(self) -> bytes:
        """Return the first event: where the stream begins."""
        its = self._recent
        asked = None if self._asked is None else Place.parse(self._asked)
        self._turn, self._dropped = its.turn, dict(its.dropped)
        if self._asked is None:
            self._number, self._next = its.number, list(its.next)
            return self._begins(Begin(begins="now"))
        reason = self._why_not(asked)
        self._number = min(its.dropped.values(), default=0)
        self._next = list(its.oldest if reason or asked is None else asked.offsets)
        return self._begins(Begin(begins="oldest kept" if reason else "where it was", reason=reason))

    def _why_not(self, asked: Place | None) -> str | None:
        """Return why a stream cannot go on from a place; `None` when it can."""
        its = self._recent
        if asked is None:
            return f"{self._asked!r:.80} is no id of an event"
        if asked.log != its.log or len(asked.offsets) != len(its.next):
            return "the id is of another log, or of other partitions"
        if any(mine < oldest for mine, oldest in zip(asked.offsets, its.oldest, strict=True)):
            return "the id is too old: some of what came after it is not kept here any more"
        return None

    def _begins(self, told: Begin) -> bytes:
        return event("begin", msgspec.json.encode(told), self._id())

    def _id(self) -> str:
        return str(Place(self._recent.log, tuple(self._next)))

    def news(self) -> Iterator[bytes]:
        """Yield the events that came since; raise `FellBehind` when some of them are gone."""
        its = self._recent
        if its.turn != self._turn:
            yield self._anew()
        behind = [kind for kind, number in its.dropped.items() if number > max(self._number, self._dropped[kind])]
        if behind:
            raise FellBehind(
                f"too slow: a {behind[0]} that was to come next is not kept any more; connect again to go on from the "
                f"oldest that is"
            )
        for item in its.after(self._number):
            self._number = item.number
            if item.offset >= self._next[item.partition]:
                yield self._told(item)

    def _anew(self) -> bytes:
        """Begin with the oldest kept of the log as it is now."""
        its = self._recent
        self._turn, self._dropped = its.turn, dict(its.dropped)
        self._number, self._next = min(its.dropped.values(), default=0), list(its.oldest)
        return self._begins(Begin(begins="oldest kept", reason="the log is another one now, or was cut short"))

    def _told(self, item: Item) -> bytes:
        self._next[item.partition] = item.offset + 1
        return event(item.kind, item.says, self._id())


def ended(reason: str) -> bytes:
    """Return the last event of a stream that is cut off."""
    return event("end", msgspec.json.encode(End(reason=reason)))


def event(kind: str, data: bytes, id_: str | None = None) -> bytes:
    """Return a server-sent event; data is JSON in one line."""
    head = f"id: {id_}\nevent: {kind}\ndata: " if id_ else f"event: {kind}\ndata: "
    return head.encode() + data + b"\n\n"

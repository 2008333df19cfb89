"""A recording ready to be sent: facts in order, each with its number, its key and its record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from millrace.adapters.archive.opening import Progress
from millrace.adapters.archive.tables import load_replayed
from millrace.domain.errors import UseCaseError
from millrace.domain.facts import Event, available_at
from millrace.domain.log import Message
from millrace.domain.usecase import AnyUseCase, Fact
from producers.stream import Numbered, written


class Recording:
    """The facts of a use case's recorded source; a fact's number is its place in the order of time."""

    def __init__(self, use_case: AnyUseCase, facts: Sequence[Fact]) -> None:
        self.use_case = use_case
        self._facts = facts
        self._keys = _keys(use_case, facts)
        self._events = use_case.topic("events")
        self._labels = use_case.topic("labels")
        self.topics = (self._events,) if use_case.label is None else (self._events, self._labels)
        self.source = source_of(use_case)

    @classmethod
    def load(cls, use_case: AnyUseCase, progress: Progress | None = None) -> Recording:
        """Read a use case's recording or files; raises `UseCaseError` when it has none."""
        if not use_case.is_replayed:
            raise UseCaseError(
                f"{use_case.name} has no recorded source to replay; give it source=Recorded(…) or source=Files(…), "
                f"or send its events to {use_case.topic('events')} yourself"
            )
        return cls(use_case, load_replayed(use_case, progress).facts)

    def __len__(self) -> int:
        return len(self._facts)

    def since(self, number: int) -> Iterator[Numbered]:
        """Yield the facts from a number on, in order."""
        for each in range(number, len(self._facts)):
            fact = self._facts[each]
            topic = self._events if isinstance(fact, Event) else self._labels
            yield Numbered(each, available_at(fact), topic, self._keys[each], fact)

    def message(self, it: Numbered, partition: int) -> Message:
        """Return a fact as the record that carries it."""
        return written(self.use_case, self.source, it, partition)


def source_of(use_case: AnyUseCase) -> bytes:
    """Return the CloudEvents source that a use case's recording has."""
    return f"/millrace/recorded/{use_case.name}".encode()


def _keys(use_case: AnyUseCase, facts: Sequence[Fact]) -> list[bytes]:
    """Return each fact's key; equal keys are one object. A label that no event of the source has goes by its own id."""
    known: dict[object, bytes] = {}
    of_event: dict[object, bytes] = {}
    for fact in facts:
        if isinstance(fact, Event):
            entity = getattr(fact, use_case.key_field)
            key = known.setdefault(entity, str(entity).encode())
            of_event[getattr(fact, use_case.id_field)] = key
    return [_key(use_case, fact, of_event) for fact in facts]


def _key(use_case: AnyUseCase, fact: Fact, of_event: dict[object, bytes]) -> bytes:
    event = getattr(fact, use_case.id_field if isinstance(fact, Event) else use_case.of_field)
    return of_event.get(event) or str(event).encode()

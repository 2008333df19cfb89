"""What was published lately about one use case, in bounded memory: predictions, their truth, scorecards, alarms."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import islice
from types import MappingProxyType

import msgspec

from apps.api.places import Places, location_fields
from apps.api.replies import Known, Published
from millrace.domain.fields import Location
from millrace.domain.log import Record
from millrace.domain.records import Alarm, Prediction, Scorecard
from millrace.domain.times import rfc3339
from millrace.domain.usecase import AnyUseCase
from millrace.learning.decoding import Schemas
from millrace.learning.truths import Truths

Told = Published | Known | Scorecard | Alarm
"""What a record tells whoever looks."""
NOWHERE: Mapping[str, Location] = MappingProxyType({})


class Board:
    """Takes records in any order of topics, and any record more than once."""

    def __init__(
        self,
        use_case: AnyUseCase,
        *,
        predictions: int,
        scorecards: int,
        labels: int,
        alarms: int,
        schemas: Schemas | None = None,
    ) -> None:
        self._alarms = _Alarms(alarms)
        self._newest = _Newest(predictions)
        self._truths = _Truths(use_case, labels, schemas)
        self._scorecards = _Thinned(scorecards)
        fields = location_fields(use_case.event)
        self._places = Places(use_case, fields, predictions, schemas) if fields else None
        self._tells: dict[str, Callable[[Record], Told | None]] = {
            use_case.topic("predictions"): self._newest.take,
            use_case.topic("scorecards"): self._scorecards.take,
            use_case.topic("alarms"): self._alarms.take,
            **({use_case.topic("labels"): self._truths.take} if use_case.label else {}),
        }
        self._events = use_case.topic("events")

    @property
    def topics(self) -> list[str]:
        """The topics whose records are taken."""
        return list(dict.fromkeys([*self._tells, *([self._events] if self._places else [])]))

    @property
    def telling(self) -> list[str]:
        """The topics of which records tell something; those of others are only remembered."""
        return list(self._tells)

    def take(self, record: Record) -> Told | None:
        """Remember a record, and return what it tells.

        One that does not read tells nothing: what it was is for the trainer to say.
        """
        if record.value is None:
            return None
        if self._places and record.topic == self._events:  # somebody else's labels may be in the topic of the events
            self._places.take(record)
        tell = self._tells.get(record.topic)
        return tell(record) if tell else None

    def predictions(self, limit: int) -> list[Published]:
        """Return the newest predictions, newest first, each with its truth once that is known."""
        return [self._published(prediction, at) for at, prediction in self._newest.first(limit)]

    def scorecards(self, limit: int) -> list[Scorecard]:
        """Return scorecards, oldest first, evenly thinned; the newest is always among them."""
        return _thinned(self._scorecards.all(), limit)

    def alarms(self, limit: int) -> list[Alarm]:
        """Return the newest alarms, newest first."""
        return self._alarms.first(limit)

    def _published(self, prediction: Prediction, at: int) -> Published:
        places = self._places.of(prediction.event_id) if self._places else {}
        return _published(prediction, at, self._truths.of(prediction.event_id), places)


def _published(
    prediction: Prediction, at: int, truth: float | str | None = None, places: Mapping[str, Location] = NOWHERE
) -> Published:
    made_at = datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Published(**msgspec.structs.asdict(prediction), made_at=made_at, truth=truth, places=dict(places))


class _Newest:
    """The newest predictions of each partition, one an event, the last of those there are (docs/wire.md)."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._read: Callable[[bytes], Prediction] = msgspec.json.Decoder(Prediction).decode
        self._by_partition: dict[int, OrderedDict[str, tuple[int, Prediction]]] = {}

    def take(self, record: Record) -> Published | None:
        try:
            prediction = self._read(record.value or b"")
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None
        there = self._by_partition.setdefault(record.partition, OrderedDict())
        there[prediction.event_id] = record.timestamp, prediction
        there.move_to_end(prediction.event_id)
        if len(there) > self._kept:
            there.popitem(last=False)
        return _published(prediction, record.timestamp)

    def first(self, limit: int) -> list[tuple[int, Prediction]]:
        every = [each for there in self._by_partition.values() for each in reversed(there.values())]
        every.sort(key=lambda each: each[0], reverse=True)  # stable: within one moment, the last written comes first
        return every[:limit]


class _Alarms:
    """The newest alarms, in the order of the log; one that comes twice is one (docs/wire.md: aborted ones stay visible)."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._read: Callable[[bytes], Alarm] = msgspec.json.Decoder(Alarm).decode
        self._all: OrderedDict[tuple[str, int, str, str], Alarm] = OrderedDict()

    def take(self, record: Record) -> Alarm | None:
        try:
            alarm = self._read(record.value or b"")
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None
        epoch = alarm.state_id.rpartition(".")[0]
        self._all[epoch, alarm.event, alarm.what, alarm.name] = alarm
        if len(self._all) > self._kept:
            self._all.popitem(last=False)
        return alarm

    def first(self, limit: int) -> list[Alarm]:
        return list(islice(reversed(self._all.values()), limit))


class _Truths:
    """The truth of the events whose labels came last."""

    def __init__(self, use_case: AnyUseCase, kept: int, schemas: Schemas | None) -> None:
        self._kept = kept
        self._read = Truths(use_case, schemas)
        self._by_event: OrderedDict[str, float | str] = OrderedDict()

    def take(self, record: Record) -> Known | None:
        known = self._read.known(record)
        if known is None:
            return None
        self._by_event[known.event_id] = known.truth
        if len(self._by_event) > self._kept:
            self._by_event.popitem(last=False)
        return Known(event_id=known.event_id, truth=known.truth, known_at=rfc3339(known.known_at))

    def of(self, event_id: str) -> float | str | None:
        return self._by_event.get(event_id)


class _Thinned:
    """Scorecards over all of history: when they become too many, every second one goes, and from then on."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._read: Callable[[bytes], Scorecard] = msgspec.json.Decoder(Scorecard).decode
        self._cards: list[Scorecard] = []
        self._newest: Scorecard | None = None
        self._every = 1
        self._met = 0

    def take(self, record: Record) -> Scorecard | None:
        try:
            card = self._read(record.value or b"")
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None
        again = self._newest is not None and self._newest.state_id == card.state_id
        self._newest = card
        if again:  # sent twice: on the embedded log an aborted transaction stays visible
            return card
        if self._met % self._every == 0:
            self._cards.append(card)
        self._met += 1
        if len(self._cards) > self._kept:
            self._cards = self._cards[::2]
            self._every *= 2
        return card

    def all(self) -> list[Scorecard]:
        if self._newest is None or self._cards[-1].state_id == self._newest.state_id:
            return self._cards
        return [*self._cards, self._newest]


def _thinned(cards: list[Scorecard], limit: int) -> list[Scorecard]:
    last = len(cards) - 1
    if last < limit:
        return cards
    return [cards[last - round(i * last / max(limit - 1, 1))] for i in reversed(range(limit))]

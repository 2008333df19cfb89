"""An event as a caller sends it: decoded, completed, or refused with the field that is wrong."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from apps.api.problems import Malformed
from millrace.domain.errors import Refused
from millrace.domain.facts import Event
from millrace.domain.times import micros
from millrace.domain.usecase import AnyUseCase
from millrace.learning.intake import EARLIEST, LATEST

OCCURRED_AT = "occurred_at"
_MISSING = re.compile(r"missing required field `(?P<name>[^`]+)`")
_WHERE = re.compile(r" - at `(?:key in )?\$\.?(?P<path>[^`]*)`")
_LONGEST_QUOTE = 80

NewId = Callable[[], object]


class EventReader:
    """Reads one use case's events. Fields the event type does not have are passed over."""

    def __init__(self, use_case: AnyUseCase) -> None:
        self._decode: Callable[[bytes], Event] = msgspec.json.Decoder(use_case.event).decode
        wire = {field.name: field.encode_name for field in msgspec.structs.fields(use_case.event)}
        self.id_field = wire[use_case.id_field]
        self.key_field = wire[use_case.key_field]
        self._time_field = wire[OCCURRED_AT]
        self._new_ids = _ids_that_fit(use_case)

    def read(self, body: bytes, when_missing: datetime | None) -> Event:
        """Return the event of a body; one without a time takes `when_missing` (without that: the present).

        Raises `Malformed` for what is no JSON, and `Refused`, naming the field, for what is no such event.
        """
        try:
            event = self._decode(body)
        except msgspec.ValidationError as error:
            event = self._completed(_told(body, error), when_missing or datetime.now(UTC))
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise Malformed(f"the body is not JSON: {error}") from error
        if not EARLIEST < micros(event.occurred_at) < LATEST:
            raise Refused(
                f"{self._time_field} is {event.occurred_at.isoformat()}, which no clock that works gives",
                field=self._time_field,
            )
        return event

    def _completed(self, told: dict[str, Any], when_missing: datetime) -> Event:
        """Fill in the time and the id where they are missing; refuse what is wrong after that."""
        completed: dict[str, Any] = {self._time_field: when_missing, **told}
        for new_id in self._new_ids:
            completed.setdefault(self.id_field, new_id())
        try:
            return self._decode(msgspec.json.encode(completed))
        except msgspec.ValidationError as error:
            raise _refusal(str(error), completed) from error

    def new_id(self) -> object:
        """Return an id that fits, or `None` when ids of this kind cannot be made up."""
        return self._new_ids[0]() if self._new_ids else None


def _ids_that_fit(use_case: AnyUseCase) -> list[NewId]:
    """Return the ways to make up an id that the type of the id takes."""
    kind = next(field.type for field in msgspec.structs.fields(use_case.event) if field.name == use_case.id_field)
    ways: list[NewId] = [lambda: f"ask-{secrets.token_hex(8)}", lambda: secrets.randbits(48)]
    return [way for way in ways if _takes(kind, way())]


def _takes(kind: Any, value: object) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


def _told(body: bytes, wrong: msgspec.ValidationError) -> dict[str, Any]:
    """Return what a body says, whatever it means; raise `Refused` when that is no object."""
    try:
        told = msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError):  # a number too large for any float, say
        raise _refusal(str(wrong), {}) from wrong
    if not isinstance(told, dict):
        raise Refused(f"an event is a JSON object, not {_quoted(told)}")
    return told


def _refusal(message: str, told: Mapping[str, Any]) -> Refused:
    """Turn msgspec's words into a refusal that names the field and quotes what was given."""
    where = _WHERE.search(message)
    path = where["path"] if where else ""
    missing = _MISSING.search(message)
    if missing:
        field = f"{path}.{missing['name']}".lstrip(".")
        return Refused(f"{field} is missing", field=field)
    plain = _WHERE.sub("", message).replace("`", "")
    if not path:
        return Refused(plain)
    given = f" is {_quoted(_at(told, path))}" if told else ""
    return Refused(f"{path}{given}: {plain[0].lower()}{plain[1:]}", field=path)


def _at(told: object, path: str) -> object:
    """Return what was given at a path such as `stops.name`; whole objects where the path goes on inside lists."""
    for name in path.split("."):
        if not isinstance(told, Mapping) or name not in told:
            return told
        told = told[name]
    return told


def _quoted(value: object) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}…"

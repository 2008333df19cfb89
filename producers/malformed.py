"""Malformed records, as broken sources send them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from millrace.domain.log import Message


def malformed(whole: Message, number: int) -> Message:
    """Return a record broken in one of some ways, which its number picks: cut off, no text, a field gone, or of another type."""
    assert whole.value is not None
    broken = WAYS[number // 2 % len(WAYS)](whole.value)
    headers = tuple((name, value if name != "ce_id" else value + b"/malformed") for name, value in whole.headers)
    return msgspec.structs.replace(whole, value=broken, headers=headers)


def _cut_off(value: bytes) -> bytes:
    return value[: len(value) // 2]


def _no_text(value: bytes) -> bytes:
    return b"\xff\xfe" + value[:16]


def _field_gone(value: bytes) -> bytes:
    return _changed(value, lambda fields: fields.pop("occurred_at"))


def _another_type(value: bytes) -> bytes:
    return _changed(value, lambda fields: fields.update(occurred_at=["yesterday"]))


def _changed(value: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    fields = msgspec.json.decode(value)
    change(fields)
    return msgspec.json.encode(fields)


WAYS = (_cut_off, _no_text, _field_gone, _another_type)

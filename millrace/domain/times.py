"""Time: whole microseconds of UTC inside, `datetime` for authors, RFC 3339 on the wire."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from millrace.domain.errors import UseCaseError

Micros = int
"""Microseconds since 1970-01-01T00:00:00Z, or a span of them."""

SECOND: Micros = 1_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)
_UNITS = {
    "ms": 1_000,
    "s": SECOND,
    "m": 60 * SECOND,
    "h": 3_600 * SECOND,
    "d": 86_400 * SECOND,
    "w": 604_800 * SECOND,
}
_SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")


def micros(moment: datetime) -> Micros:
    """Return an aware `datetime` as microseconds since 1970."""
    return (moment - EPOCH) // _MICRO


def moment(at: Micros) -> datetime:
    """Return microseconds since 1970 as an aware UTC `datetime`."""
    return EPOCH + timedelta(microseconds=at)


def rfc3339(at: Micros) -> str:
    """Return microseconds since 1970 as RFC 3339 text in UTC.

    >>> rfc3339(0)
    '1970-01-01T00:00:00Z'
    """
    return moment(at).isoformat().replace("+00:00", "Z")


def span(text: str) -> Micros:
    """Return a duration such as `90s`, `1h30m` or `2d` in microseconds.

    >>> span("1h30m") == 5400 * SECOND
    True
    """
    parts = _SPAN.findall(text)
    if not parts or "".join(n + u for n, u in parts) != text:
        raise UseCaseError(f"{text!r} is not a duration: write a number and ms, s, m, h, d or w, as in '90s' or '2d'")
    total = round(sum(float(number) * _UNITS[unit] for number, unit in parts))
    if total <= 0:
        raise UseCaseError(f"a duration must be longer than nothing, not {text!r}")
    return total

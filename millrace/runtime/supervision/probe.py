"""Asks a part how it is."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from millrace.runtime.embedded.part import Part

_SECONDS = 2.0
_LONGEST = 300
"""Characters of a reason that are shown; the part's log has all of it."""


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What one look at a part found. `said` is what it wants an operator to know, by shard; `why`, why it is not ready."""

    ready: bool
    live: bool = True
    answered: bool = True
    said: tuple[str, ...] = ()
    why: str = ""


def look(part: Part) -> Look:
    """Look at a part. Takes two seconds at most, and never raises."""
    if not part.health:
        return Look(ready=part.ready())
    status, body = ask(f"{part.health}/readyz")
    said = tuple(str(shard["said"]) for shard in body.get("shards", []) if shard.get("said"))
    ready, live = status == 200, status != 0 and bool(body.get("live", True))
    return Look(ready=ready, live=live, answered=status != 0, said=said, why="" if ready else why(body))


def why(body: Mapping[str, Any]) -> str:
    """Return the reasons in an answer of `/readyz`, as one line; empty when it gives none."""
    told = (body.get(name) for name in ("dead", "stuck", "reasons", "use_cases"))
    reasons = [_reason(it) for group in told if isinstance(group, dict) for it in group.values()]
    return "; ".join(dict.fromkeys(reason for reason in reasons if reason))[:_LONGEST]


def _reason(told: object) -> str:
    return str(told.get("reason", "")) if isinstance(told, dict) else str(told)


def ask(url: str, *, seconds: float = _SECONDS) -> tuple[int, dict[str, Any]]:
    """GET an address of this machine; return the status (0 without an answer) and the JSON object (empty if none)."""
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname or "127.0.0.1", where.port, timeout=seconds)
    try:
        connection.request("GET", where.path)
        answer = connection.getresponse()
        return answer.status, _object(answer.read())
    except (OSError, http.client.HTTPException):
        return 0, {}
    finally:
        connection.close()


def _object(data: bytes) -> dict[str, Any]:
    try:
        body = msgspec.json.decode(data)
    except msgspec.DecodeError:
        return {}
    return body if isinstance(body, dict) else {}

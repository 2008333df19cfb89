"""One part of the platform as a process: how it is started, where it answers, how to tell that it does."""

from __future__ import annotations

from collections.abc import Callable

import msgspec


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What a supervisor needs to know of a process.

    `ready` is quick, changes nothing and never raises. Parts of a lower `order` are started, and ready, before any
    of a higher one; when all stop, those of lower `stops` have ended before any of a higher one is told to. `env` is
    added to the supervisor's own environment. `health` is the URL under which `/readyz` is, where there is one.
    """

    name: str
    argv: list[str]
    env: dict[str, str]
    address: str
    ready: Callable[[], bool]
    order: int
    stops: int = 3
    health: str = ""

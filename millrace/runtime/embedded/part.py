"""One part of the platform as a process: how it is started, where it answers, how to tell that it does."""

from __future__ import annotations

from collections.abc import Callable

import msgspec


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What a supervisor needs to know of a process.

    `ready` is quick, changes nothing and never raises. Parts of a lower `order` are started, and ready, before any
    of a higher one. `env` is added to the supervisor's own environment.
    """

    name: str
    argv: list[str]
    env: dict[str, str]
    address: str
    ready: Callable[[], bool]
    order: int

"""The one broadcaster of this process, and what is known of its health."""

from __future__ import annotations

from functools import cache

from apps.dashboard.api import Api
from apps.dashboard.broadcast import Broadcaster
from apps.dashboard.settings import settings
from millrace.runtime.health import Health


@cache
def health() -> Health:
    """Return what this process says of itself."""
    return Health()


@cache
def broadcaster() -> Broadcaster:
    """Return the broadcaster all pages share."""
    its = settings()
    return Broadcaster(Api(its.api, timeout=its.api_timeout), health(), every=its.poll_seconds)

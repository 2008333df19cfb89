"""The one broadcaster of this process."""

from __future__ import annotations

from functools import cache

from apps.dashboard.api import Api
from apps.dashboard.broadcast import Broadcaster
from apps.dashboard.settings import settings


@cache
def broadcaster() -> Broadcaster:
    """Return the broadcaster all pages share."""
    its = settings()
    return Broadcaster(Api(its.api, timeout=its.api_timeout), every=its.poll_seconds)

"""`millrace run feed`: live views of every use case, in one process."""

from __future__ import annotations

from apps.feed.service import FeedService
from apps.feed.settings import FeedSettings
from millrace.adapters.bus.kafka import KafkaBus
from millrace.adapters.online.redis import RedisOnlineStore
from millrace.runtime.health import Health
from millrace.runtime.worker import run as run_service
from millrace.usecases import find, names

_PATIENCE = 5.0
"""Seconds to wait for the log's answer."""


def run() -> None:
    """Keep live views until SIGTERM."""
    settings, health = FeedSettings(), Health()
    service = service_of(settings, health)
    run_service(service, health, part="feed", host=settings.feed_host, port=settings.feed_port)


def service_of(settings: FeedSettings, health: Health) -> FeedService:
    """Return the feed that settings describe; raise `UnknownUseCase` for a use case that nobody defined."""
    use_cases = [find(name).under(settings.topic_prefix) for name in settings.use_cases or names()]
    bus = KafkaBus.of(settings, "millrace-feed", _PATIENCE)
    return FeedService(settings, health, use_cases, bus, RedisOnlineStore(settings.redis))

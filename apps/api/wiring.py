"""Puts a replica together from its settings: real log, stores and registry. Nothing connects before it is asked."""

from __future__ import annotations

from apps.api.loading import trust_in
from apps.api.replica import Replica, Services
from apps.api.settings import ApiSettings
from millrace.adapters.bus.kafka import KafkaBus
from millrace.adapters.online.redis import RedisOnlineStore
from millrace.adapters.registry.mlflow import open_registry
from millrace.usecases import find, names

PATIENCE = 10.0
"""Seconds to wait for the log."""


def replica_of(settings: ApiSettings) -> Replica:
    """Return the replica that settings describe; raise `UnknownUseCase` for one that nobody defined."""
    use_cases = [find(name).under(settings.topic_prefix) for name in settings.use_cases or names()]
    bus = KafkaBus.of(settings, "millrace-api", PATIENCE)
    services = Services(bus, RedisOnlineStore(settings.redis), open_registry(settings))
    return Replica(use_cases, settings, services, trust_in(settings.trusted_keys()))

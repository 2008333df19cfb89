"""The producer as a process: `millrace run producer`."""

from __future__ import annotations

import asyncio
from pathlib import Path

from mode import Service

from millrace.adapters.bus.kafka import KafkaBus
from millrace.adapters.checkpoints.index import CheckpointIndex
from millrace.adapters.checkpoints.s3 import open_store
from millrace.domain.usecase import AnyUseCase
from millrace.runtime.health import Health
from millrace.runtime.worker import run as run_service
from millrace.usecases import find
from producers.pace import SystemClock
from producers.producer import Producer
from producers.recording import Recording
from producers.reporting import Reporting
from producers.settings import ProducerSettings
from producers.simulation import Simulation
from producers.stream import Stream

_PATIENCE = 5.0
"""Seconds to wait for the log's answer. A send given up in vain costs nothing: the log is asked what it has."""


def run() -> None:
    """Replay the recorded source of the use case that the settings name, or play its simulator, until SIGTERM."""
    settings = ProducerSettings()
    health = Health()
    service = ProducerService(settings, health)
    run_service(service, health, part="producer", host=settings.producer_host, port=settings.producer_port)


class ProducerService(Service):
    """Reads the recording, then replays it; or plays the simulation."""

    def __init__(self, settings: ProducerSettings, health: Health) -> None:
        super().__init__()
        self._settings = settings
        self._health = health

    @Service.task
    async def replay(self) -> None:
        """Replay for as long as the process lives."""
        settings = self._settings
        use_case = find(settings.use_case).under(settings.topic_prefix)
        # Reading a year takes seconds; in a thread, a signal is still heard.
        stream = await asyncio.to_thread(_stream, use_case, settings)
        store = open_store(settings, settings.checkpoints_bucket)
        try:
            await Producer(
                stream,
                settings,
                self._connect,
                CheckpointIndex(store, use_case.name, settings.shard),
                SystemClock(),
                Reporting(use_case.name, self._health),
            ).run()
        finally:
            await store.close()

    def _connect(self) -> KafkaBus:
        """Return a client of the log; its address is read anew at every connection."""
        settings = self._settings
        return KafkaBus.of(settings, f"millrace-producer-{Path(settings.use_case).stem}", _PATIENCE)


def _stream(use_case: AnyUseCase, settings: ProducerSettings) -> Stream:
    """Return what is sent: the recording where there is one, else what the simulator plays."""
    if use_case.is_replayed or use_case.simulator is None:
        return Recording.load(use_case)
    seed = use_case.seed if settings.simulation_seed is None else settings.simulation_seed
    return Simulation(use_case, seed, settings.malformed_share, settings.limit)

"""The shell around a service: signals, health, logs, and the notice taken of every background task that dies."""

from __future__ import annotations

import asyncio
import signal
import sys

import structlog
from mode import Service

from millrace.runtime.health import Health, HealthServer
from millrace.runtime.logs import configure

log = structlog.get_logger()

STOP_WITHIN = 9.0
"""Seconds a service may take to finish after SIGTERM."""
WATCH_EVERY = 0.2


def run(service: Service, health: Health, *, part: str, host: str, port: int) -> None:
    """Run a service until SIGTERM or Ctrl-C, then exit 0; exit 1 when one of its tasks dies."""
    configure(part)
    server = HealthServer(health, host, port, part)
    server.start()
    log.info("started", health=f"http://{host}:{server.port}")
    try:
        status = asyncio.run(_serve(service, health))
    finally:
        server.stop()
    sys.exit(status)


async def _serve(service: Service, health: Health) -> int:
    told = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, told.set)
    await service.start()
    waiting = asyncio.create_task(told.wait())
    while not (waiting.done() or service.crashed):
        await asyncio.wait([waiting], timeout=WATCH_EVERY)
    if service.crashed:
        health.died(service.label, repr(service.crash_reason))
        log.error("a task has died", service=service.label, reason=repr(service.crash_reason))
    try:
        async with asyncio.timeout(STOP_WITHIN):
            await service.stop()
    except TimeoutError:
        log.error("stopping took too long", seconds=STOP_WITHIN)
        return 1
    log.info("stopped")
    return 1 if service.crashed else 0

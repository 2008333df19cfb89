"""Serves the pages and takes their calls, in one process on one port."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

import structlog

from apps.dashboard.build import build
from apps.dashboard.platform import health
from apps.dashboard.settings import DashboardSettings, settings
from millrace.runtime.health import HealthServer
from millrace.runtime.supervision.probe import ask

log = structlog.get_logger()

_AGAIN_AFTER = 0.1
"""Seconds between two questions whether the pages are served yet."""


def run() -> None:
    """Build the pages when needed, then serve them until SIGTERM or SIGINT. `/readyz` says when they are served."""
    its = settings()
    HealthServer(health(), its.dashboard_host, its.dashboard_health_port, "dashboard").start()
    web = build()
    working = its.pages_folder()
    _enter(working, web)
    asyncio.new_event_loop().run_until_complete(_serve(its))
    log.info("pages.stopped")
    # A viewer's socket may never notice that it was cancelled, and waiting for it was seen to hold the process for ever.
    # The application has shut down by now and keeps nothing, so the process may end at once.
    sys.stdout.flush()
    os._exit(0)


def _enter(working: Path, web: Path) -> None:
    """Tell Reflex what to serve and from where; it reads this when the application is imported."""
    os.environ.update(
        {
            "REFLEX_ENV_MODE": "prod",
            "REFLEX_WEB_WORKDIR": str(web),
            "REFLEX_TELEMETRY_ENABLED": "false",
            "REFLEX_CHECK_LATEST_VERSION": "false",
            "REFLEX_DIR": str(working / ".reflex"),
            "__REFLEX_SKIP_COMPILE": "true",
            "__REFLEX_MOUNT_FRONTEND_COMPILED_APP": "true",
        }
    )
    os.chdir(working)  # Reflex takes its settings from the working folder


async def _serve(its: DashboardSettings) -> None:
    from granian.constants import Interfaces
    from granian.log import LogLevels
    from granian.server.embed import Server

    from apps.dashboard.app import app

    server = Server(
        app(),
        address=its.dashboard_host,
        port=its.dashboard_port,
        interface=Interfaces.ASGI,
        log_level=LogLevels.error,
    )

    def stop() -> None:
        # Ending while viewers are connected breaks off their sockets; that is meant, and not worth a trace for each.
        logging.getLogger("_granian").setLevel(logging.CRITICAL)
        server.stop()  # type: ignore[no-untyped-call]

    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stop)
    log.info("pages.served", url=f"http://{its.dashboard_host}:{its.dashboard_port}", api=its.api)
    served = asyncio.create_task(_say_served(its))
    await server.serve()
    served.cancel()


async def _say_served(its: DashboardSettings) -> None:
    """Become ready once the pages' own port answers."""
    while (await asyncio.to_thread(ask, f"http://{its.dashboard_host}:{its.dashboard_port}/ping"))[0] != 200:
        await asyncio.sleep(_AGAIN_AFTER)
    health().ready()


if __name__ == "__main__":
    run()

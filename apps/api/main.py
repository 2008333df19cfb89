"""`millrace run api`: one process, one loop, read-only."""

from __future__ import annotations

import signal
from types import FrameType
from typing import TYPE_CHECKING

from millrace.runtime.determinism import fix_hash_seed

if TYPE_CHECKING:
    import uvicorn

    from apps.api.replica import Replica

_LEAVE_WITHIN = 5
"""Seconds that requests under way are given when the process is told to stop."""


def run() -> None:
    """Serve until SIGTERM."""
    fix_hash_seed()  # an answer must be the one that a rebuilt state gives
    from apps.api.settings import ApiSettings
    from apps.api.wiring import replica_of
    from millrace.runtime.logs import configure

    configure("api")
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, _leave)  # uvicorn finishes what is under way, then hands the signal back
    server(replica_of(ApiSettings())).run()


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def server(replica: Replica) -> uvicorn.Server:
    """Return the server of a replica. One worker: more replicas are more processes, each with its own metrics."""
    import uvicorn

    from apps.api.app import create_app
    from apps.api.protocol import bounded

    its = replica.settings
    found = uvicorn.Server(
        uvicorn.Config(
            create_app(replica),
            host=its.api_host,
            port=its.api_port,
            http=bounded(its),
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_LEAVE_WITHIN,
        )
    )
    replica.load.begun = lambda: len(found.server_state.tasks)
    replica.leaving = lambda: found.should_exit
    return found


if __name__ == "__main__":
    run()

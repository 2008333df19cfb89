"""Health: what a part says of itself at `/livez`, `/readyz` and `/metrics`, from a thread of its own.

Live means: its loops advance and none of its tasks has died. Ready means: it does what it is for. A loop that is stuck cannot
hold the answer up, for it is given by another thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST

from millrace.runtime.telemetry import METRICS, exposed

STUCK_AFTER = 30.0
"""Seconds without a beat after which a loop is taken for stuck."""


class Health:
    """What is known of one process. May be called from any thread."""

    def __init__(self, *, now: Callable[[], float] = time.monotonic, stuck_after: float = STUCK_AFTER) -> None:
        self._now = now
        self._stuck_after = stuck_after
        self._lock = threading.Lock()
        self._beats: dict[str, float] = {}
        self._dead: dict[str, str] = {}
        self._reasons: dict[str, tuple[str, float]] = {"start": ("starting", time.time())}
        self.details: Callable[[], Mapping[str, Any]] = dict

    def beat(self, loop: str) -> None:
        """Say that a loop advances."""
        with self._lock:
            self._beats[loop] = self._now()

    def died(self, task: str, reason: str) -> None:
        """Say that a task has died: this process is not live any more."""
        with self._lock:
            self._dead[task] = reason

    def not_ready(self, what: str, reason: str) -> None:
        """Say what keeps the part from doing what it is for; the time is that of the first saying."""
        with self._lock:
            since = self._reasons[what][1] if what in self._reasons else time.time()
            self._reasons[what] = reason, since

    def ready(self, what: str = "start") -> None:
        """Take a reason back."""
        with self._lock:
            self._reasons.pop(what, None)

    def live(self) -> dict[str, Any]:
        """Return whether the process is live, and why not."""
        with self._lock:
            now = self._now()
            stuck = {
                name: f"no beat for {now - at:.0f} s"
                for name, at in self._beats.items()
                if now - at > self._stuck_after
            }
            return {
                "live": not (self._dead or stuck),
                **({"dead": self._dead} if self._dead else {}),
                **({"stuck": stuck} if stuck else {}),
            }

    def readiness(self) -> dict[str, Any]:
        """Return whether the part is ready, and the reasons since when it is not."""
        live = self.live()
        with self._lock:
            reasons = {
                what: {"reason": reason, "since": _utc(since)} for what, (reason, since) in self._reasons.items()
            }
        return {
            "ready": live["live"] and not reasons,
            **live,
            **({"reasons": reasons} if reasons else {}),
            **self.details(),
        }


def _utc(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


class HealthServer:
    """Answers for one process, in threads of its own. `part` is which it is, as the metric catalogue names it."""

    def __init__(self, health: Health, host: str, port: int, part: str) -> None:
        METRICS.ready.set_function(lambda: health.readiness()["ready"])
        self._server = ThreadingHTTPServer((host, port), _handler(health, part))
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]

    def start(self) -> None:
        """Begin to answer."""
        threading.Thread(target=self._server.serve_forever, name="health", daemon=True).start()

    def stop(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()


def _handler(health: Health, part: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Answers three addresses."""

        def do_GET(self) -> None:
            """Answer."""
            if self.path == "/metrics":
                return self._send(200, CONTENT_TYPE_LATEST, exposed(part))
            if self.path == "/livez":
                body = health.live()
                return self._json(200 if body["live"] else 503, body)
            if self.path == "/readyz":
                body = health.readiness()
                return self._json(200 if body["ready"] else 503, body)
            return self._json(404, {"detail": "there are /livez, /readyz and /metrics"})

        def _json(self, status: int, body: Mapping[str, Any]) -> None:
            self._send(status, "application/json", msgspec.json.encode(body))

        def _send(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Say nothing: probes come every second."""

    return Handler

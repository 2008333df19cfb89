"""Answers as an API replica does, for what asks it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ANSWERS: dict[str, Any] = {
    "/v1/use-cases": {"use_cases": [{"name": "first"}, {"name": "second"}]},
    "/v1/use-cases/first/example": {"event_id": "a"},
    "/v1/use-cases/first/predict": {"value": 1.5, "unit": "minutes", "state_id": "first.0.1.7~2"},
    "/v1/use-cases/second/example": {"event_id": "b"},
    "/v1/use-cases/second/predict": {"state_id": "second.0.1.3", "degraded": "the champion had no answer"},
}


class _Handler(BaseHTTPRequestHandler):
    asked = 0

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert event in ({"event_id": "a"}, {"event_id": "b"})
        self._answer()

    def _answer(self) -> None:
        """Answer; the first request of all is told to come again."""
        type(self).asked += 1
        ready = type(self).asked > 1
        text = json.dumps(ANSWERS[self.path]).encode() if ready else b"{}"
        self.send_response(200 if ready else 503)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing."""


@contextmanager
def answering() -> Iterator[str]:
    """Answer while it lasts; gives the address."""
    handler = type("Handler", (_Handler,), {"asked": 0})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()

"""A schema registry for the suites: Confluent's REST interface, as far as its clients use it, over real HTTP.

No wheel carries a registry. This one numbers what it is given, answers by number, and can be asked for a password; the
clients on both sides are the real ones.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Registry:
    """What is registered, by id and by subject and version."""

    def __init__(self, user: str = "", password: str = "") -> None:
        self.by_id: dict[int, dict[str, Any]] = {}
        self.by_subject: dict[str, list[int]] = {}
        self.asked: list[str] = []
        self.is_away = False
        self._login = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode() if user else ""
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, method: str, path: str, login: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.asked.append(f"{method} {path}")
        if self.is_away:
            return 503, {"error_code": 503, "message": "away"}
        if self._login and login != self._login:
            return 401, {"error_code": 401, "message": "who are you?"}
        if found := re.fullmatch(r"/schemas/ids/(\d+)", path):
            schema = self.by_id.get(int(found[1]))
            return (200, schema) if schema else (404, {"error_code": 40403, "message": "Schema not found"})
        if found := re.fullmatch(r"/subjects/([^/]+)(?:/versions(?:/(\w+))?)?", path):
            return self._subject(method, found[1], found[2], body)
        return 404, {"error_code": 404, "message": path}

    def _subject(
        self, method: str, subject: str, version: str | None, body: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        ids = self.by_subject.setdefault(subject, [])
        if method == "POST":
            known = [number for number, it in self.by_id.items() if it == body]
            number = known[0] if known else len(self.by_id) + 1
            self.by_id[number] = body
            if number not in ids:
                ids.append(number)
            return 200, {"subject": subject, "version": ids.index(number) + 1, "id": number, **body}
        at = len(ids) if version in (None, "latest") else int(version)
        if not 0 < at <= len(ids):
            return 404, {"error_code": 40402, "message": "Version not found"}
        return 200, {"subject": subject, "version": at, "id": ids[at - 1], **self.by_id[ids[at - 1]]}


@contextmanager
def registry(user: str = "", password: str = "") -> Iterator[Registry]:
    """A registry on a port of its own."""
    kept = Registry(user, password)

    class Handler(BaseHTTPRequestHandler):
        def do(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            body.pop("metadata", None)
            body.pop("ruleSet", None)
            login = self.headers.get("Authorization", "")
            status, answer = kept.answer(self.command, self.path.partition("?")[0], login, body)
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do  # noqa: N815 - http.server asks for these names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

"""Limits on clients that never get as far as a request: too many connections, and heads that do not come."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from apps.api.problems import MEDIA_TYPE, encoded
from apps.api.settings import ApiSettings
from millrace.runtime.telemetry import METRICS


def bounded(settings: ApiSettings) -> type[asyncio.Protocol]:
    """Return the protocol with the limits that settings name."""
    limits = {"most": settings.max_connections, "head_timeout": settings.head_timeout}
    return type("Bounded", (BoundedProtocol,), limits)


class BoundedProtocol(HttpToolsProtocol):
    """HTTP/1.1 with a limit on connections and on the time a head may take. Uvicorn makes one a connection."""

    most: int
    head_timeout: float
    _head_due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, or close it at once: an idle one costs as much as a busy one."""
        super().connection_made(transport)
        if len(self.connections) > self.most:
            METRICS.shed.inc()
            transport.abort()
        else:
            self._expect_head()

    def on_message_begin(self) -> None:
        """Give the next head on a kept connection as long as the first."""
        super().on_message_begin()
        self._expect_head()

    def on_headers_complete(self) -> None:
        """Go on; the body has a limit of its own."""
        self._forget_head()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave no timer behind."""
        self._forget_head()
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        self._forget_head()
        self._head_due = self.loop.call_later(self.head_timeout, self._head_late)

    def _forget_head(self) -> None:
        if self._head_due is not None:
            self._head_due.cancel()
            self._head_due = None

    def _head_late(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(_late(self.head_timeout))
            self.transport.close()


def _late(seconds: float) -> bytes:
    body = encoded(408, "too-slow", f"sending the head of a request took longer than {seconds:g} s")
    head = f"HTTP/1.1 408 Request Timeout\r\ncontent-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\n"
    return head.encode() + b"connection: close\r\n\r\n" + body

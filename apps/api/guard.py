"""What stands before every request: it counts, it times, and it sheds what would only make all the others wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from apps.api.problems import respond
from millrace.domain.errors import MillraceError
from millrace.runtime.telemetry import METRICS

_NO_ROUTE = "none"
_SHED_BELOW = "/v1/"
"""Probes and metrics are answered however much there is to do."""


class Load:
    """How much this process has to do.

    A request that waits for something else than this process (a slow client, the registry) does not count: however
    many of those there are, they keep nobody else waiting. The limit of connections is theirs.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting = 0
        self._entered = 0
        self.begun: Callable[[], int] = lambda: self._entered
        """Returns how many requests have begun, those included that nothing was done for yet, where a server knows."""

    def in_flight(self) -> int:
        """Return how many requests this process is to work on."""
        return self.begun() - self._waiting

    def too_much(self) -> bool:
        """Tell whether one more request is to be shed."""
        return self.in_flight() > self._most

    def enter(self) -> None:
        """Count a request."""
        self._entered += 1

    def leave(self) -> None:
        """Count it no more."""
        self._entered -= 1

    @asynccontextmanager
    async def wait(self, seconds: float, late: Callable[[str], MillraceError], what: str) -> AsyncIterator[None]:
        """Wait for something else; raise what `late` makes of a reason when it takes too long."""
        with self.aside():
            try:
                async with asyncio.timeout(seconds):
                    yield
            except TimeoutError as error:
                raise late(f"{what} took longer than {seconds:g} s") from error

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Wait for something else, however long: a stream is there for hours, and works for moments."""
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1


class Guard:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, load: Load) -> None:
        self._app = app
        self._load = load

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or shed it."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        self._load.enter()
        try:
            await self._counted(scope, receive, send)
        finally:
            self._load.leave()

    async def _counted(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        status = 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._admitted(scope, receive, noting)
        finally:
            route: Any = scope.get("route")
            path = getattr(route, "path", _NO_ROUTE)
            METRICS.http_requests.labels(path, str(status)).inc()
            METRICS.http_seconds.labels(path).observe(time.perf_counter() - started)

    async def _admitted(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._load.too_much() and scope["path"].startswith(_SHED_BELOW):
            METRICS.shed.inc()
            response = respond(429, "too-many", "more requests than can be answered in time: try again in a second")
            await response(scope, receive, send)
        else:
            await self._app(scope, receive, send)

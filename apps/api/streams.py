"""What moves: live views as they stand, and a stream of what is told (server-sent events), which goes on where it was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import msgspec
import structlog
from fastapi import APIRouter, Header, Query
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from apps.api.following import FellBehind, Following, ended
from apps.api.predict import encoded
from apps.api.problems import TooMany
from apps.api.recent import Recent
from apps.api.replica import Replica, Shown
from apps.api.views import REF, answers, problem
from millrace.domain.errors import NotReady
from millrace.domain.views import Views
from millrace.runtime.telemetry import METRICS

log = structlog.get_logger()

MEDIA_TYPE = "text/event-stream"
_LOOK = 0.5
"""Seconds between two looks whether the server is told to stop."""
_AT_ONCE = 65_536
"""Bytes gathered into one write, at least."""
_TRY_AGAIN_MS = 2_000

_TOLD = ("Begin", "Published", "Known", "Scorecard", "Alarm", "End")
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events `begin`, `prediction`, `truth`, `scorecard`, `alarm`, `end`: data is one of these, as JSON.",
        "content": {MEDIA_TYPE: {"schema": {"anyOf": [{"$ref": REF.format(name=name)} for name in _TOLD]}}},
    },
    **{status: problem(status) for status in (404, 422, 429, 503)},
}

LastEventId = Annotated[
    str | None, Header(alias="Last-Event-ID", max_length=4_096, description="The newest event that came.")
]
After = Annotated[str | None, Query(max_length=4_096, description="The same, where no header can be sent.")]
Windows = Annotated[int, Query(ge=0, le=10_000, description="How many windows of each length, at most.")]


def live(replica: Replica) -> APIRouter:
    """Return the routes of live views and streams."""
    router = APIRouter(prefix="/v1/use-cases", tags=["use cases"])

    @router.get("/{use_case}/views", responses=answers(Views, 404, 422, 503), summary="Live views, newest first")
    async def views(use_case: str, windows: Windows = 10_000) -> Response:
        return encoded(await _views(replica, replica.one(use_case), windows))

    @router.get(
        "/{use_case}/stream",
        responses=_STREAM,
        response_class=Response,
        summary="Predictions, truths, scorecards and alarms as they come, as server-sent events",
    )
    async def stream(use_case: str, last_event_id: LastEventId = None, after: After = None) -> Response:
        recent = replica.one(use_case).recent
        if not recent.turn:
            raise NotReady(f"what is published about {use_case} is not read yet: {replica.one(use_case).watch.trouble}")
        if replica.streams >= replica.settings.max_streams:
            raise TooMany(f"{replica.streams} streams are served, and no more: MILLRACE_MAX_STREAMS says how many")
        return EventStream(replica, recent, last_event_id or after)

    return router


async def _views(replica: Replica, shown: Shown, windows: int) -> Views:
    """Return the views that the feed wrote last; raise `NotReady` when there are none."""
    name = f"{replica.settings.topic_prefix}{shown.serving.use_case.name}"
    found = await replica.services.online.shown(name)
    if found is None:
        raise NotReady(f"there are no live views of {name}: `millrace run feed` makes them, and none runs or has yet")
    its = msgspec.json.decode(found, type=Views)
    return msgspec.structs.replace(its, minutes=its.minutes[:windows], hours=its.hours[:windows])


class EventStream(Response):
    """A response that goes on until its client leaves, falls behind or takes nothing, or until the server stops."""

    media_type = MEDIA_TYPE

    def __init__(self, replica: Replica, recent: Recent, after: str | None) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._replica = replica
        self._recent = recent
        self._following = Following(recent, after)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Tell what comes."""
        with self._counted(), self._replica.load.aside():
            left = asyncio.create_task(_leaving(receive))
            try:
                await self._send(send, left)
            except TimeoutError:  # uvicorn closes a connection whose response ends unfinished
                log.info("a stream was cut off: its client takes nothing", path=scope["path"])
            finally:
                left.cancel()

    async def _send(self, send: Send, left: asyncio.Task[None]) -> None:
        patience = self._replica.settings.stream_patience
        async with asyncio.timeout(patience):
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async for piece in self._pieces(left):
            async with asyncio.timeout(patience):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        if not left.done():
            async with asyncio.timeout(patience):
                await send({"type": "http.response.body", "body": b""})

    async def _pieces(self, left: asyncio.Task[None]) -> AsyncIterator[bytes]:
        now = asyncio.get_running_loop().time
        yield f"retry: {_TRY_AGAIN_MS}\n".encode() + self._following.begin()
        alive_at = now()
        while not (left.done() or self._replica.leaving()):
            news = self._recent.news()  # before looking, so that what comes meanwhile is not waited for in vain
            try:
                for piece in _gathered(self._following.news()):
                    yield piece
                    alive_at = now()
            except FellBehind as error:
                yield ended(str(error))
                return
            if now() - alive_at >= self._replica.settings.stream_heartbeat:
                yield b": alive\n\n"
                alive_at = now()
            await self._wait(news, left)
        yield ended("the server stops: connect again, and the stream goes on where it was")

    async def _wait(self, news: asyncio.Event, left: asyncio.Task[None]) -> None:
        """Wait until there is news, the client leaves, or it is time to look up."""
        coming = asyncio.create_task(news.wait())
        pause = min(_LOOK, self._replica.settings.stream_heartbeat)
        try:
            await asyncio.wait([coming, left], timeout=pause, return_when=asyncio.FIRST_COMPLETED)
        finally:
            coming.cancel()

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self._replica.streams += 1
        METRICS.streams.inc()
        try:
            yield
        finally:
            self._replica.streams -= 1
            METRICS.streams.dec()


def _gathered(events: Iterator[bytes]) -> Iterator[bytes]:
    """Yield events in pieces that are worth a write."""
    piece = bytearray()
    for each in events:
        piece += each
        if len(piece) >= _AT_ONCE:
            yield bytes(piece)
            piece.clear()
    if piece:
        yield bytes(piece)


async def _leaving(receive: Receive) -> None:
    """Wait until the client is gone."""
    while (await receive())["type"] != "http.disconnect":
        continue

"""What a browser may keep, and what it must not do with the pages."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

FOREVER = "public, max-age=31536000, immutable"
ASK = "no-cache"


class Headers:
    """Sets the headers of every page and asset. Names under `/assets/` carry a hash of what they name."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        keep = FOREVER if scope["path"].startswith("/assets/") else ASK

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["cache-control"] = keep if message["status"] < 400 else ASK
                headers["x-content-type-options"] = "nosniff"
                headers["x-frame-options"] = "SAMEORIGIN"
                headers["referrer-policy"] = "same-origin"
            await send(message)

        await self._app(scope, receive, with_headers)

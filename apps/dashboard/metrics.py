"""What the pages' server shows at `/metrics`, beside the pages."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from millrace.runtime.telemetry import exposed

PATH = "/metrics"


class Metrics:
    """Answers Prometheus, and leaves all else to the pages."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and scope["path"] == PATH:
            await Response(exposed("dashboard"), media_type=CONTENT_TYPE_LATEST)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

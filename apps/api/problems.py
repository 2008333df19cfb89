"""Problem documents (RFC 9457): what was wrong, with the value, and the field it is about."""

from __future__ import annotations

from http import HTTPStatus

import msgspec
import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from apps.api.replies import Problem
from millrace.domain.errors import IncompatibleState, MillraceError, Refused, Untrusted

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"

_STATUS = {IncompatibleState.kind: 409, Untrusted.kind: 502}
"""Where what a caller asked for by name is there and cannot be served, it is not this process that is broken."""


class Missing(MillraceError):
    """Something asked for by name that is not there."""

    status = 404
    kind = "missing"


class TooLate(MillraceError):
    """A request that could not be answered in time."""

    status = 503
    kind = "timeout"


class TooSlow(MillraceError):
    """A client that takes too long to send its request."""

    status = 408
    kind = "too-slow"


class TooMany(MillraceError):
    """More of something at a time than is served."""

    status = 429
    kind = "too-many"


class TooLarge(MillraceError):
    """A body beyond the limit."""

    status = 413
    kind = "too-large"


class Malformed(MillraceError):
    """A body that is no JSON."""

    status = 400
    kind = "malformed"


def encoded(status: int, kind: str, detail: str, field: str | None = None) -> bytes:
    """Return a problem document."""
    type_ = f"urn:millrace:problem:{kind}"
    return msgspec.json.encode(
        Problem(type=type_, title=HTTPStatus(status).phrase, status=status, detail=detail, field=field)
    )


def respond(status: int, kind: str, detail: str, field: str | None = None) -> Response:
    """Return a response that carries a problem document."""
    headers = {"Retry-After": "1"} if status in (429, 503) else None
    return Response(encoded(status, kind, detail, field), status, headers, MEDIA_TYPE)


async def _ours(_request: Request, error: Exception) -> Response:
    assert isinstance(error, MillraceError)
    field = error.field if isinstance(error, Refused) else None
    status = _STATUS.get(error.kind, error.status)
    if status == 500:
        log.error("a request failed", kind=error.kind, reason=str(error))
    return respond(status, error.kind, str(error), field)


async def _parameter(_request: Request, error: Exception) -> Response:
    """Name the parameter that is wrong, and what was given."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    name = str(first["loc"][-1])
    return respond(422, "invalid", f"{name} is {first.get('input')!r}: {first['msg']}", name)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kind = {404: "no-such-page", 405: "method-not-allowed"}.get(error.status_code, "http")
    return respond(error.status_code, kind, f"{request.method} {request.url.path}: {error.detail}")


async def _unforeseen(request: Request, error: Exception) -> Response:
    """Say nothing of what went wrong inside to the caller, and everything to the log."""
    log.error("a request failed", path=request.url.path, exc_info=error)
    return respond(500, "internal", "something went wrong here; the log of the API says what")


def answer_errors(app: FastAPI) -> None:
    """Make every error of an application a problem document."""
    app.add_exception_handler(MillraceError, _ours)
    app.add_exception_handler(RequestValidationError, _parameter)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unforeseen)

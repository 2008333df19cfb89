"""The API, as the pages ask it."""

from __future__ import annotations

from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from apps.dashboard import replies
from millrace.domain.errors import MillraceError, Unreachable
from millrace.domain.records import Alarm

R = TypeVar("R")

ALARMS = 8
"""How many drift alarms a page shows."""


class Declined(MillraceError):
    """The API answered that it cannot do as asked. `field` names the event's field that is at fault, if one is."""

    kind = "declined"

    def __init__(self, message: str, *, status: int, field: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.field = field


class Api:
    """Asks the API over HTTP, without blocking.

    Every method raises `Unreachable` when there is no answer, or none that can be read, and `Declined` when the answer
    is a problem.
    """

    def __init__(self, url: str, *, timeout: float = 5.0, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.url = url.rstrip("/")
        # The API is a neighbour: a proxy meant for the outside world is not to be asked for it.
        self._http = httpx.AsyncClient(base_url=self.url, timeout=timeout, transport=transport, trust_env=False)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def platform(self) -> replies.Platform:
        """Ask whether the API is ready; it says so with 503 while it is not."""
        answer = await self._send("GET", "/readyz")
        return self._read(answer, replies.Platform)

    async def health(self) -> replies.Health:
        """Return how all use cases flow."""
        return await self._get("/v1/health", replies.Health)

    async def use_cases(self) -> list[replies.Listed]:
        """List the use cases."""
        return (await self._get("/v1/use-cases", replies.UseCases)).use_cases

    async def use_case(self, name: str) -> replies.Detail:
        """Return one use case as it stands."""
        return await self._get(_path(name), replies.Detail)

    async def scorecards(self, name: str, limit: int) -> replies.Scorecards:
        """Return scorecards, oldest first, thinned to `limit`; the newest is always among them."""
        return await self._get(_path(name, "scorecards"), replies.Scorecards, limit=limit)

    async def predictions(self, name: str, limit: int) -> list[replies.Published]:
        """Return the newest predictions, newest first."""
        return (await self._get(_path(name, "predictions"), replies.Predictions, limit=limit)).predictions

    async def alarms(self, name: str) -> list[Alarm]:
        """Return the newest drift alarms, newest first."""
        return (await self._get(_path(name, "alarms"), replies.Alarms, limit=ALARMS)).alarms

    async def clusters(self, name: str) -> replies.Clusters:
        """Return what the champion's clusters are like."""
        return await self._get(_path(name, "clusters"), replies.Clusters)

    async def versions(self, name: str) -> list[replies.Version]:
        """Return the registered versions."""
        return (await self._get(_path(name, "models"), replies.Versions)).versions

    async def example(self, name: str) -> dict[str, Any]:
        """Return an event fit to be asked about, drawn anew at each call."""
        return await self._get(_path(name, "example"), dict[str, Any])

    async def predict(self, name: str, event: dict[str, Any]) -> replies.Answered:
        """Ask about one event."""
        answer = await self._send("POST", _path(name, "predict"), json=event)
        return self._read(self._accepted(answer), replies.Answered)

    async def _get(self, path: str, kind: type[R], **params: int) -> R:
        return self._read(self._accepted(await self._send("GET", path, params=params)), kind)

    async def _send(self, method: str, path: str, **what: Any) -> httpx.Response:
        try:
            return await self._http.request(method, path, **what)
        except httpx.HTTPError as error:
            raise Unreachable(f"the API at {self.url} does not answer ({type(error).__name__})") from error

    def _accepted(self, answer: httpx.Response) -> httpx.Response:
        if answer.is_success:
            return answer
        try:
            problem = msgspec.json.decode(answer.content, type=replies.Problem)
        except msgspec.MsgspecError:
            problem = replies.Problem(title=f"the API answered {answer.status_code} {answer.reason_phrase}")
        raise Declined(problem.detail or problem.title, status=answer.status_code, field=problem.field)

    def _read(self, answer: httpx.Response, kind: type[R]) -> R:
        try:
            return msgspec.json.decode(answer.content, type=kind)
        except msgspec.MsgspecError as error:
            path = answer.request.url.path
            raise Unreachable(f"the API's answer to {path} ({answer.status_code}) cannot be read: {error}") from error


def _path(name: str, *rest: str) -> str:
    return "/".join(["/v1/use-cases", quote(name, safe=""), *rest])

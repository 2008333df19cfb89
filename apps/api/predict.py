"""The hot path: one event in, one answer out, both by msgspec."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from apps.api.guard import Load
from apps.api.problems import TooLarge, TooLate, TooSlow
from apps.api.replies import Answered
from apps.api.serving import Serving, joined
from apps.api.settings import ApiSettings
from apps.api.sources import Served
from millrace.domain.errors import Refused
from millrace.domain.facts import Event
from millrace.learning.serving import Answer
from millrace.runtime.telemetry import METRICS

JSON = "application/json"
_encode = msgspec.json.Encoder().encode


class Predict:
    """Answers `POST …/predict`."""

    def __init__(self, settings: ApiSettings, load: Load) -> None:
        self._settings = settings
        self._load = load

    async def __call__(self, serving: Serving, request: Request) -> Response:
        """Answer one event, from the state that is served or the one that `?model=` names."""
        body = await self._body(request)
        model = request.query_params.get("model")
        if model is None:
            served, degraded = serving.present(), serving.degraded
        else:
            served, degraded = await self._asked_for(serving, model)
        # Nothing is awaited from here on: the answer is one state's.
        event = serving.events.read(body, serving.time_for_an_event_without(served))
        answered = answer(serving, served, event, degraded)
        METRICS.answers.labels(serving.use_case.name, served.serving_from).inc()
        return Response(_encode(answered), media_type=JSON)

    async def _asked_for(self, serving: Serving, model: str) -> tuple[Served, str | None]:
        async with self._load.wait(self._settings.answer_timeout, TooLate, "fetching that version"):
            return await serving.asked_for(model)

    async def _body(self, request: Request) -> bytes:
        """Return the body; raise `TooLarge` before more of it is read than may be, `TooSlow` when it does not come."""
        most = self._settings.max_body
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > most:
            raise _too_large(most)
        body = bytearray()
        async with self._load.wait(self._settings.body_timeout, TooSlow, "sending the body"):
            try:
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > most:
                        raise _too_large(most)
            except ClientDisconnect as error:
                raise Refused("the client went away before its event had come") from error
        return bytes(body)


def answer(serving: Serving, served: Served, event: Event, degraded: str | None) -> Answered:
    """Return what one state says of an event."""
    header, said = served.header, served.state.answer(event)
    return Answered(
        event_id=str(getattr(event, serving.use_case.id_field)),
        value=said.value,
        words=said.words,
        unit=serving.use_case.task.unit,
        champion=said.champion,
        by_candidate=said.by_candidate,
        baselines=said.baselines,
        features=said.features,
        state_id=header.state_id,
        trained_until=header.trained_until,
        profiles_at=header.state_id,
        made_at=_text(datetime.now(UTC)),
        occurred_at=_text(event.occurred_at),
        serving_from=served.serving_from,
        model_version=served.model_version,
        degraded=joined(degraded, _silence(said)),
    )


def _silence(said: Answer) -> str | None:
    """Return what to say when the champion says nothing."""
    if said.value is not None:
        return None
    return f"the champion, {said.champion}, has no answer to this event" if said.champion else "there is no champion"


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"the body is larger than {most} bytes")


def encoded(reply: Any) -> Response:
    """Return a reply as a response."""
    return Response(_encode(reply), media_type=JSON)

"""The API's description: FastAPI's own, and each use case's event as its type says it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from apps.api import replies
from apps.api.replica import Replica
from apps.api.schema import components_of
from apps.api.views import REF, answers, problem
from millrace.domain.records import Alarm, Scorecard
from millrace.domain.usecase import AnyUseCase
from millrace.domain.views import Views

ABOUT = """Answers from what was learnt, each naming the exact state that gave it. Read-only.

Whatever cannot be answered is answered by a problem document (RFC 9457) that names the field at fault."""

_REPLIES = (
    Alarm,
    Scorecard,
    Views,
    replies.Alarms,
    replies.Answered,
    replies.Begin,
    replies.Clusters,
    replies.Detail,
    replies.End,
    replies.Health,
    replies.Known,
    replies.Platform,
    replies.Predictions,
    replies.Problem,
    replies.Published,
    replies.Scorecards,
    replies.UseCases,
    replies.Versions,
)

_MODEL = {
    "name": "model",
    "in": "query",
    "required": False,
    "description": "Answer from a registered version instead: registered, alias:NAME or version:NUMBER.",
    "schema": {"type": "string"},
}
_SEED = {
    "name": "seed",
    "in": "query",
    "required": False,
    "description": "Draw the same event again, from the same served state.",
    "schema": {"type": "integer"},
}


def describe(app: FastAPI, replica: Replica) -> None:
    """Make an application describe itself, once it is asked to."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = document(app, replica)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend it


def document(app: FastAPI, replica: Replica) -> dict[str, Any]:
    """Return the OpenAPI document."""
    found = get_openapi(title=app.title, version=app.version, description=ABOUT, routes=app.routes)
    schemas = found["components"]["schemas"] = {}
    schemas.update(msgspec.json.schema_components(_REPLIES, ref_template=REF)[1])
    _say_only_what_may_come(found["paths"])
    for shown in replica.shown.values():
        use_case = shown.serving.use_case
        event, components = _event(use_case)
        schemas.update(components)
        found["paths"].update(_paths(use_case, event))
    return found


def _say_only_what_may_come(paths: dict[str, Any]) -> None:
    """Take FastAPI's own answer to wrong parameters out: it is never given (`problems`)."""
    for operation in (each for path in paths.values() for each in path.values()):
        if "HTTPValidationError" in str(operation["responses"].get("422")):
            del operation["responses"]["422"]


def _event(use_case: AnyUseCase) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a reference to a use case's event and what it refers to, under names of its own."""
    (event,), components = components_of(use_case, REF.format(name=f"{use_case.name}.{{name}}"))
    return event, {f"{use_case.name}.{name}": schema for name, schema in components.items()}


def _paths(use_case: AnyUseCase, event: dict[str, Any]) -> dict[str, Any]:
    path = f"/v1/use-cases/{use_case.name}"
    content = {"application/json": {"schema": event}}
    answered = answers(replies.Answered, 400, 404, 408, 409, 413, 422, 429, 502, 503)
    drawn = {200: {"description": "An event.", "content": content}, 422: problem(422), 503: problem(503)}
    asked = {"requestBody": {"required": True, "content": content}}
    return {
        f"{path}/predict": {"post": _operation(use_case, "predict", use_case.question, _MODEL, answered) | asked},
        f"{path}/example": {"get": _operation(use_case, "example", "An event to ask about", _SEED, drawn)},
    }


def _operation(
    use_case: AnyUseCase, verb: str, summary: str, parameter: dict[str, Any], responses: Mapping[Any, Any]
) -> dict[str, Any]:
    return {
        "tags": [use_case.name],
        "summary": summary,
        "operationId": f"{verb}_{use_case.name.replace('-', '_')}",
        "parameters": [parameter],
        "responses": {str(status): response for status, response in responses.items()},
    }

"""What there is to read, as docs/wire.md says. Everything is read-only."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from apps.api import replies
from apps.api.predict import JSON, Predict, encoded
from apps.api.problems import Missing, TooLate
from apps.api.replica import Replica, Shown, age
from apps.api.schema import event_schema
from millrace.adapters.registry.port import ModelVersion
from millrace.domain.errors import Refused
from millrace.domain.sources import Files
from millrace.domain.tasks import Clustering
from millrace.domain.usecase import Recorded, Source
from millrace.runtime.telemetry import exposed

Limit = Annotated[int, Query(ge=1, le=5_000, description="How many, at most.")]
REF = "#/components/schemas/{name}"


def answers(kind: type[msgspec.Struct], *also: int) -> dict[int | str, dict[str, Any]]:
    """Return what a route answers, for its description."""
    return {200: _as(JSON, kind.__name__, "What was asked for."), **{status: problem(status) for status in also}}


def problem(status: int) -> dict[str, Any]:
    """Return how a problem document is described."""
    return _as("application/problem+json", "Problem", replies.PROBLEMS[status])


def _as(media_type: str, schema: str, what: str) -> dict[str, Any]:
    return {"description": what, "content": {media_type: {"schema": {"$ref": REF.format(name=schema)}}}}


def v1(replica: Replica) -> APIRouter:
    """Return the routes that describe use cases."""
    router = APIRouter(prefix="/v1/use-cases", tags=["use cases"])
    one = replica.one

    @router.get("", responses=answers(replies.UseCases), summary="All use cases")
    async def use_cases() -> Response:
        return encoded(replies.UseCases(use_cases=[_listed(shown) for shown in replica.shown.values()]))

    @router.get("/{use_case}", responses=answers(replies.Detail, 404), summary="One use case as it stands")
    async def use_case(use_case: str) -> Response:
        return encoded(_detail(one(use_case)))

    @router.get(
        "/{use_case}/scorecards", responses=answers(replies.Scorecards, 404, 422), summary="Scores, oldest first"
    )
    async def scorecards(use_case: str, limit: Limit = 500) -> Response:
        cards = one(use_case).board.scorecards(limit)
        metric = cards[-1].metric if cards else ""
        return encoded(replies.Scorecards(use_case=use_case, metric=metric, scorecards=cards))

    @router.get(
        "/{use_case}/predictions", responses=answers(replies.Predictions, 404, 422), summary="Predictions, newest first"
    )
    async def predictions(use_case: str, limit: Limit = 50) -> Response:
        return encoded(replies.Predictions(use_case=use_case, predictions=one(use_case).board.predictions(limit)))

    @router.get("/{use_case}/alarms", responses=answers(replies.Alarms, 404, 422), summary="Drift alarms, newest first")
    async def alarms(use_case: str, limit: Limit = 50) -> Response:
        return encoded(replies.Alarms(use_case=use_case, alarms=one(use_case).board.alarms(limit)))

    @router.get(
        "/{use_case}/clusters",
        responses=answers(replies.Clusters, 404, 422, 503),
        summary="What the clusters are like, the largest first",
    )
    async def clusters(use_case: str, candidate: str | None = None) -> Response:
        return encoded(_clusters(one(use_case), candidate))

    @router.get(
        "/{use_case}/models", responses=answers(replies.Versions, 404, 503), summary="Registered versions, newest first"
    )
    async def models(use_case: str) -> Response:
        one(use_case)
        async with replica.load.wait(replica.settings.answer_timeout, TooLate, "asking the registry"):
            versions = await replica.registry.versions(use_case)
        return encoded(replies.Versions(use_case=use_case, versions=[_version(it) for it in versions]))

    return router


class PlainRoute(Route):
    """A route without FastAPI's checks, which would cost more than the answer. It names itself, as FastAPI's do."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Tell whether a request is for this route."""
        match, found = super().matches(scope)
        return match, {**found, "route": self}


def predict(replica: Replica) -> PlainRoute:
    """Return the route by which events are asked about; each use case's is described apart (`openapi`)."""
    answered = Predict(replica.settings, replica.load)

    async def predict(request: Request) -> Response:
        return await answered(replica.serving(request.path_params["use_case"]), request)

    return PlainRoute("/v1/use-cases/{use_case}/predict", predict, methods=["POST"], include_in_schema=False)


def examples(replica: Replica) -> APIRouter:
    """Return the route of example events; each use case's is described apart (`openapi`), by its event."""
    router = APIRouter(prefix="/v1/use-cases", include_in_schema=False)

    @router.get("/{use_case}/example")
    async def example(use_case: str, seed: int | None = None) -> Response:
        return Response(replica.serving(use_case).example(seed), media_type=JSON)

    return router


def health(replica: Replica) -> APIRouter:
    """Return the route of the figures of health."""
    router = APIRouter(prefix="/v1", tags=["health"])

    @router.get("/health", responses=answers(replies.Health), summary="How all use cases flow")
    async def figures() -> Response:
        with replica.load.aside():  # it waits for other parts
            await replica.figures.look()
        found = {name: replica.figures.of(name, age(shown.serving)) for name, shown in replica.shown.items()}
        parts = len(replica.settings.measured)
        return encoded(replies.Health(parts=parts, answering=replica.figures.answering, use_cases=found))

    return router


def probes(replica: Replica) -> APIRouter:
    """Return what supervisors and Prometheus ask."""
    router = APIRouter(tags=["probes"])

    @router.get("/livez", summary="Whether every loop advances", responses={503: {"description": "One does not."}})
    async def livez() -> Response:
        live = replica.health.live()
        return _with_status(encoded(live), live["live"])

    @router.get("/readyz", summary="Whether every use case is answered for", responses=answers(replies.Platform))
    async def readyz() -> Response:
        each = {name: _readiness(shown) for name, shown in replica.shown.items()}
        ready = all(it.ready for it in each.values())
        return _with_status(encoded(replies.Platform(ready=ready, use_cases=each)), ready)

    @router.get("/metrics", summary="Metrics, for Prometheus")
    def metrics() -> Response:
        return Response(exposed("api"), media_type=CONTENT_TYPE_LATEST)

    return router


def _with_status(response: Response, well: bool) -> Response:
    response.status_code = 200 if well else 503
    return response


def _listed(shown: Shown) -> replies.Listed:
    it = shown.serving.use_case
    return replies.Listed(
        name=it.name,
        question=it.question,
        task=it.task.name,
        unit=it.task.unit,
        ready=shown.serving.served is not None,
    )


def _readiness(shown: Shown) -> replies.Readiness:
    served = shown.serving.served
    if served is None:
        return replies.Readiness(ready=False, reason=shown.serving.why_not_ready())
    return replies.Readiness(ready=True, state_id=served.header.state_id, reason=shown.serving.degraded)


def _detail(shown: Shown) -> replies.Detail:
    serving, it = shown.serving, shown.serving.use_case
    served = serving.served
    roles = served.state.roles() if served else {}
    return replies.Detail(
        name=it.name,
        question=it.question,
        task=it.task.name,
        unit=it.task.unit,
        ready=served is not None,
        event_schema=event_schema(it),
        id_field=serving.events.id_field,
        key_field=serving.events.key_field,
        candidates=[
            replies.Competitor(name=name, role=roles.get(name), about=candidate.about)  # type: ignore[arg-type]
            for name, candidate in it.candidates.items()
        ],
        baselines=list(it.baselines),
        features=[replies.FeatureNote(name=name, about=about) for name, about in it.notes.items()],
        champion=served.header.champion if served else None,
        state_id=served.header.state_id if served else None,
        trained_until=served.header.trained_until if served else None,
        serving_from=served.serving_from if served else None,
        model_version=served.model_version if served else None,
        source=_origin(it.source),
        degraded=serving.degraded if served else serving.why_not_ready(),
    )


def _clusters(shown: Shown, candidate: str | None) -> replies.Clusters:
    it = shown.serving.use_case
    if not isinstance(it.task, Clustering):
        raise Missing(f"{it.name} groups nothing: it is a {it.task.name}")
    if candidate is not None and candidate not in it.candidates:
        raise Refused(f"candidate is {candidate!r}; there are: {', '.join(it.candidates)}", field="candidate")
    served = shown.serving.present()
    found = served.state.clusters(candidate)
    if found is None:
        raise Missing(f"{candidate or 'the champion'} of {it.name} is suspended: it groups nothing now")
    return replies.Clusters(use_case=it.name, state_id=served.header.state_id, **msgspec.structs.asdict(found))


def _origin(source: Source | None) -> replies.Origin | None:
    if source is None:
        return None
    return replies.Origin(about=source.about, licence=source.licence, replay=isinstance(source, Recorded | Files))


def _version(it: ModelVersion) -> replies.Version:
    return replies.Version(
        version=it.version,
        state_id=it.state_id,
        champion=it.champion,
        trained_until=it.trained_until,
        created_at=it.created_at,
        aliases=list(it.aliases),
        metrics=dict(it.metrics),
    )

"""The application: routes over one replica."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from apps.api import streams, views
from apps.api.guard import Guard
from apps.api.openapi import describe
from apps.api.problems import answer_errors
from apps.api.replica import Replica
from millrace import __version__


def create_app(replica: Replica) -> FastAPI:
    """Return the application; its lifespan runs the replica's loops."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with replica.running():
            yield

    # Pages that explain the API would be loaded from somebody else's servers: /openapi.json is what there is.
    app = FastAPI(title="Millrace", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.router.routes.insert(0, views.predict(replica))
    for router in (
        views.examples(replica),
        views.v1(replica),
        views.health(replica),
        streams.live(replica),
        views.probes(replica),
    ):
        app.include_router(router)
    app.add_middleware(Guard, load=replica.load)
    answer_errors(app)
    describe(app, replica)
    return app

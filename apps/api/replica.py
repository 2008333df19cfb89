"""One replica of the API: what it serves and shows, and the loops that keep both fresh."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, get_args

import structlog

from apps.api.board import Board
from apps.api.figures import Figures
from apps.api.guard import Load
from apps.api.loading import Loader, Trust
from apps.api.recent import Recent
from apps.api.replies import ServingFrom
from apps.api.serving import Serving
from apps.api.settings import ApiSettings
from apps.api.watch import Watch
from millrace.adapters.bus.port import Bus
from millrace.adapters.online.port import OnlineStore
from millrace.adapters.registry.port import Registry
from millrace.adapters.schemas.table import kept_schemas
from millrace.domain.errors import UnknownUseCase
from millrace.domain.usecase import AnyUseCase
from millrace.runtime.health import Health
from millrace.runtime.telemetry import METRICS

log = structlog.get_logger()

LONGEST_LOOK = 25.0
"""Seconds after which a look that has not come back is given up; below what counts as stuck."""


@dataclass(frozen=True, slots=True)
class Services:
    """What a replica reads from."""

    bus: Bus
    online: OnlineStore
    registry: Registry

    async def close(self) -> None:
        """Let go of all of it."""
        for each in (self.bus, self.online, self.registry):
            await each.close()


@dataclass(frozen=True, slots=True)
class Shown:
    """One use case: what answers for it, and what was published about it."""

    serving: Serving
    board: Board
    watch: Watch
    recent: Recent


@dataclass
class Replica:
    """Everything behind the routes."""

    use_cases: Sequence[AnyUseCase]
    settings: ApiSettings
    services: Services
    trust: Trust
    health: Health = field(default_factory=Health)

    def __post_init__(self) -> None:
        self._stopping = False
        self.load = Load(self.settings.max_in_flight)
        self.streams = 0
        self.leaving: Callable[[], bool] = lambda: self._stopping
        self._loader = Loader(self.trust)
        self.figures = Figures(self.settings.measured)
        self.shown = {use_case.name: self._show(use_case) for use_case in self.use_cases}
        METRICS.http_in_flight.set_function(self.load.in_flight)
        METRICS.ready.set_function(self._ready)

    @property
    def registry(self) -> Registry:
        """The registry."""
        return self.services.registry

    def serving(self, name: str) -> Serving:
        """Return what answers for one use case."""
        return self.one(name).serving

    def one(self, name: str) -> Shown:
        """Return one use case; raise `UnknownUseCase`, naming those there are."""
        shown = self.shown.get(name)
        if shown is None:
            raise UnknownUseCase(f"there is no use case {name!r} here; there are: {', '.join(self.shown)}")
        return shown

    def _show(self, use_case: AnyUseCase) -> Shown:
        its, settings = self.services, self.settings
        serving = Serving(use_case, settings, its.online, its.registry, self._loader)
        schemas = kept_schemas(settings, use_case)
        board = Board(
            use_case,
            predictions=settings.predictions_kept,
            scorecards=settings.scorecards_kept,
            labels=settings.labels_kept,
            alarms=settings.alarms_kept,
            schemas=schemas,
        )
        newest = {
            use_case.topic("predictions"): settings.predictions_kept,
            use_case.topic("events"): settings.predictions_kept,
            use_case.topic("labels"): settings.labels_kept,
            use_case.topic("alarms"): settings.alarms_kept,
        }
        recent = Recent(settings.stream_kept)
        watch = Watch(board, its.bus, newest, lambda: self.health.beat(f"{use_case.name} watch"), schemas, recent)
        METRICS.served_state_age.labels(use_case.name).set_function(lambda: _age(serving))
        METRICS.served_until.labels(use_case.name).set_function(lambda: _trained_until(serving))
        for source in get_args(ServingFrom):
            METRICS.served_from.labels(use_case.name, source).set_function(partial(_comes_from, serving, source))
        METRICS.degraded.labels(use_case.name).set_function(lambda: serving.degraded is not None)
        return Shown(serving, board, watch, recent)

    def _ready(self) -> bool:
        return bool(self.health.live()["live"]) and all(it.serving.served for it in self.shown.values())

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep everything fresh while inside; a loop that dies makes the replica not live."""
        tasks = [asyncio.create_task(work, name=name) for name, work in self._loops()]
        for task in tasks:
            task.add_done_callback(self._notice)
        try:
            yield
        finally:
            self._stopping = True
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._loader.close()
            await self.figures.close()
            await self.services.close()

    def _loops(self) -> list[tuple[str, Coroutine[Any, Any, None]]]:
        return [
            loop
            for name, shown in self.shown.items()
            for loop in (
                (f"{name} live", self._keep_looking(f"{name} live", shown.serving.look_live)),
                (f"{name} registered", self._keep_looking(f"{name} registered", shown.serving.look_registered)),
                (f"{name} watch", shown.watch.run()),
            )
        ]

    async def _keep_looking(self, name: str, look: Callable[[], Awaitable[float]]) -> None:
        while True:
            self.health.beat(name)
            pause = 1.0
            try:
                async with asyncio.timeout(LONGEST_LOOK):
                    pause = await look()
            except TimeoutError:
                log.warning("a look took too long and was given up", source=name, seconds=LONGEST_LOOK)
            await asyncio.sleep(pause)

    def _notice(self, task: asyncio.Task[None]) -> None:
        if self._stopping:
            return
        reason = "it was cancelled" if task.cancelled() else repr(task.exception() or "it ended")
        self.health.died(task.get_name(), reason)
        log.error("a task has died", task=task.get_name(), reason=reason)


def age(serving: Serving) -> float | None:
    """Return how many seconds ago the served state was loaded; `None` before there is one."""
    return None if serving.served is None else time.monotonic() - serving.served.loaded_at


def _comes_from(serving: Serving, source: ServingFrom) -> bool:
    return serving.served is not None and serving.served.serving_from == source


def _trained_until(serving: Serving) -> float:
    until = serving.served.header.trained_until if serving.served else None
    return float("nan") if not until else datetime.fromisoformat(until).timestamp()


def _age(serving: Serving) -> float:
    found = age(serving)
    return float("nan") if found is None else found

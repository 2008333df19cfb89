"""One look at the API a second for all viewers together; each is told what is new to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from time import monotonic

import structlog

from apps.dashboard.api import Api, Declined
from apps.dashboard.known import HISTORY, Known, Watched
from apps.dashboard.replies import Detail, Listed, Readiness
from millrace.domain.errors import MillraceError, Unreachable
from millrace.runtime.health import Health
from millrace.runtime.telemetry import METRICS

log = structlog.get_logger()

HISTORY_EVERY = 60.0
VERSIONS_EVERY = 10.0
IDLE = 10.0
"""Seconds between two rounds that nobody views: they show that the loop advances, and look for an API that went away."""
CLUSTERING = "clustering"
"""The task of use cases that group events: they have clusters to show."""
PREDICTIONS = 300
"""How many predictions are read to find those whose truth is known."""


@dataclass
class Viewer:
    """One open page. `watching` is the use case it shows, or nothing for the overview; `fresh` until told everything."""

    token: str
    watching: str | None
    fresh: bool = True


Push = Callable[[Viewer, Known], Awaitable[None]]


class Broadcaster:
    """Looks at the API while anybody views a page, and pushes what it finds.

    `push` tells one viewer; `present` returns the tokens that are still connected. `health` is told of each round, and of
    an API that is away.
    """

    def __init__(self, api: Api, health: Health, *, every: float = 1.0, clock: Callable[[], float] = monotonic) -> None:
        self.api = api
        self.health = health
        self.known = Known()
        self.viewers: dict[str, Viewer] = {}
        self._every = every
        self._clock = clock
        self._came = asyncio.Event()
        METRICS.viewers.set_function(lambda: len(self.viewers))
        for outcome in ("answered", "failed"):
            METRICS.looks.labels(outcome)

    def join(self, token: str, watching: str | None) -> None:
        """Take a viewer in, or note that it went to another page; it is told everything at once."""
        self.viewers[token] = Viewer(token, watching)
        self._came.set()

    async def run(self, push: Push, present: Callable[[], Iterable[str]]) -> None:
        """Look and push for ever. A look that fails is told to the viewers; the next one may not."""
        while True:
            self.health.beat("broadcaster")
            self._came.clear()
            try:
                await self.round(push, present())
            except Exception:
                # The one task all viewers hang on must outlive a fault in any of them; it is logged, not hidden.
                log.exception("broadcast.round_failed")
            await self._pause()

    async def _pause(self) -> None:
        """Wait until the next look is due, or a viewer comes."""
        try:
            async with asyncio.timeout(self._every if self.viewers else IDLE):
                await self._came.wait()
        except TimeoutError:
            return

    async def round(self, push: Push, present: Iterable[str]) -> None:
        """Look once, and tell every viewer that is still there."""
        here = set(present)
        self.viewers = {token: it for token, it in self.viewers.items() if token in here or it.fresh}
        if not self.viewers and not self.known.away:
            return  # an API that went away is looked for, viewed or not: whoever watches is told of its return
        await self.look({it.watching for it in self.viewers.values() if it.watching})
        viewers = [it for it in self.viewers.values() if it.token in here]
        for failed in await asyncio.gather(*(push(it, self.known) for it in viewers), return_exceptions=True):
            if isinstance(failed, Exception):
                log.error("broadcast.push_failed", exc_info=failed)
        for it in viewers:
            it.fresh = False

    async def look(self, watched: set[str]) -> None:
        """Ask the API how everything stands; of the watched use cases, more."""
        with METRICS.look_seconds.time():
            await self._look(watched)
        self.known.looked = True
        METRICS.looks.labels("failed" if self.known.away else "answered").inc()

    async def _look(self, watched: set[str]) -> None:
        try:
            listed, platform = await asyncio.gather(self.api.use_cases(), self.api.platform())
            self.known.keep(listed)
            if any(it.watching is None for it in self.viewers.values()):
                await self._try(self._health())
            await asyncio.gather(*(self._see(it, platform.use_cases.get(it.name), it.name in watched) for it in listed))
        except MillraceError as error:
            self._away(str(error))
        else:
            self._back(platform.ready)

    def _away(self, why: str) -> None:
        if not self.known.away:
            log.warning("api.away", url=self.api.url, why=why)
        self.known.away = why
        self.health.not_ready("api", why)

    def _back(self, ready: bool) -> None:
        if self.known.away:
            log.info("api.back", url=self.api.url)
            for viewer in self.viewers.values():
                viewer.fresh = True  # what was missed while it was away is told whole
        self.known.away = ""
        self.health.ready("api")
        self.known.ready = ready

    async def _see(self, listed: Listed, readiness: Readiness | None, watched: bool) -> None:
        try:
            detail = await self.api.use_case(listed.name)
        except Declined as error:
            # One use case that cannot be shown is not the API away: it is listed, with the reason.
            detail = Detail(name=listed.name, question=listed.question, task=listed.task, unit=listed.unit)
            readiness = Readiness(reason=str(error))
        use_case = self.known.use_cases.setdefault(listed.name, Watched(detail))
        use_case.see(detail, readiness, self._clock())
        await self._try(self._scorecards(listed.name, use_case))
        if watched:
            parts = (self._predictions, self._alarms, self._seldom)
            await asyncio.gather(*(self._try(part(listed.name, use_case)) for part in parts))

    async def _try(self, part: Awaitable[None]) -> None:
        """Let one part of a use case be missing (a registry that is down, nothing published yet) without the rest."""
        try:
            await part
        except Declined as error:
            log.debug("api.declined", why=str(error), status=error.status)

    async def _health(self) -> None:
        self.known.health = await self.api.health()

    async def _scorecards(self, name: str, use_case: Watched) -> None:
        now = self._clock()
        if use_case.history_at is None or now - use_case.history_at > HISTORY_EVERY:
            use_case.start((await self.api.scorecards(name, HISTORY)).scorecards, now)
        elif newest := (await self.api.scorecards(name, 2)).scorecards:
            use_case.follow(newest[-1], now)

    async def _predictions(self, name: str, use_case: Watched) -> None:
        use_case.predictions = await self.api.predictions(name, PREDICTIONS)

    async def _alarms(self, name: str, use_case: Watched) -> None:
        use_case.alarms = await self.api.alarms(name)

    async def _seldom(self, name: str, use_case: Watched) -> None:
        now = self._clock()
        if use_case.versions_at is not None and now - use_case.versions_at < VERSIONS_EVERY:
            return
        use_case.versions_at = now
        await self._try(self._versions(name, use_case))
        if use_case.detail.task == CLUSTERING:
            await self._try(self._clusters(name, use_case))
        use_case.example = await self.api.example(name)

    async def _clusters(self, name: str, use_case: Watched) -> None:
        use_case.clusters = await self.api.clusters(name)

    async def _versions(self, name: str, use_case: Watched) -> None:
        try:
            use_case.versions = await self.api.versions(name)
        except Unreachable as error:
            # A registry that is slow holds up this list only, not what is live.
            log.debug("api.versions_missing", why=str(error))

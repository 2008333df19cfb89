"""What one use case is answered from, now: chosen among its sources, swapped whole."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from datetime import UTC, datetime
from typing import NamedTuple

from apps.api.events import EventReader
from apps.api.examples import Examples
from apps.api.loading import Loader
from apps.api.problems import Missing
from apps.api.replies import ServingFrom
from apps.api.settings import ApiSettings
from apps.api.sources import LiveSource, RegisteredSource, Served, load_version
from millrace.adapters.online.port import OnlineStore
from millrace.adapters.registry.port import Registry
from millrace.domain.errors import NotReady, Refused, Unreachable
from millrace.domain.usecase import AnyUseCase

_ASKED_AGAIN = 2.0
"""Seconds a version that was asked for by alias is taken for what the alias still names."""
_PATIENCE = 1.0
"""Seconds to wait for the registry's word while a version is held that the alias named last."""


class _Alias(NamedTuple):
    """What an alias named when it was asked for, and why it could not be asked again."""

    asked_at: float
    version: int
    trouble: str | None


class Serving:
    """One use case, as this replica serves it.

    `served` is one exact state, or `None` before the first; it is replaced whole, so whoever takes it once answers from one
    state. `degraded` says why it is not what was asked for, or may not be the newest.
    """

    def __init__(
        self,
        use_case: AnyUseCase,
        settings: ApiSettings,
        online: OnlineStore,
        registry: Registry,
        loader: Loader,
    ) -> None:
        self.use_case = use_case
        self.events = EventReader(use_case)
        self.examples = Examples(use_case, self.events.id_field, self.events.new_id)
        self.is_replay = use_case.is_replayed
        self._settings = settings
        self._registry = registry
        self._loader = loader
        self._live = LiveSource(use_case, settings.shard, online, loader, patience=settings.live_patience)
        self._registered = RegisteredSource(use_case, settings.alias, registry, loader)
        self._versions: OrderedDict[int, Served] = OrderedDict()
        self._aliases: dict[str, _Alias] = {}
        self._asking = asyncio.Lock()
        self._looked = False
        self.served: Served | None = None
        self.degraded: str | None = None

    @property
    def prefers(self) -> ServingFrom:
        """The source that is to be served from."""
        return self._settings.serve_from

    def present(self) -> Served:
        """Return the state served now; raise `NotReady`, with the reason, before there is one."""
        if self.served is None:
            raise NotReady(self.why_not_ready())
        return self.served

    def why_not_ready(self) -> str:
        """Return what keeps this use case from being answered for."""
        sources = {"live": self._live.trouble, "registered": self._registered.trouble}
        if not self._looked:
            return "loading: nothing was looked for yet"
        reasons = [f"{name}: {reason}" for name, reason in sources.items() if reason]
        return "; ".join(reasons) or "loading the first state"

    async def look_live(self) -> float:
        """Look for a newer snapshot; return after how many seconds to look again."""
        if self.prefers == "registered":
            return self._settings.registry_poll
        await self._live.look()
        self._choose()
        return max(self._settings.live_poll, 1.0) if self._live.trouble else self._settings.live_poll

    async def look_registered(self) -> float:
        """Look at the alias while it is served, or would be; return after how many seconds to look again."""
        if not self._wants_registered():
            self._registered.release()
            return self._settings.live_poll
        await self._registered.look()
        self._choose()
        return self._settings.registry_poll

    def _wants_registered(self) -> bool:
        if self.prefers == "registered":
            return True
        return self._looked and not self._live.usable()

    def _choose(self) -> None:
        """Serve the best there is; keep the last state when nothing better can be had."""
        self._looked = True
        live, registered = self._live, self._registered
        if self.prefers == "live" and live.usable():
            self.served, self.degraded = live.held, live.trouble
        elif registered.held is not None:
            because = live.trouble if self.prefers == "live" else None
            self.served, self.degraded = registered.held, joined(because, registered.trouble)
        else:
            self.served = live.held or self.served
            self.degraded = joined(live.trouble, registered.trouble)

    async def asked_for(self, model: str) -> tuple[Served, str | None]:
        """Return the registered version that `registered`, `alias:NAME` or `version:N` names, and why it may be another now.

        Raises `Refused` for anything else, `Missing` when there is none, and what the registry raises while nothing is held.
        """
        which = _which(model, self._settings.alias)
        if (kept := self._kept(which)) is not None:
            return kept
        async with self._asking:  # many who ask at once are many who wait for one
            return self._kept(which) or await self._fetch_or_keep(which)

    def _kept(self, which: str) -> tuple[Served, str | None] | None:
        """Return what is held of a version, or of an alias that was asked for just now."""
        if which.isdecimal():
            held = self._versions.get(int(which))
            return None if held is None else (held, None)
        alias = self._aliases.get(which)
        if alias is None or time.monotonic() - alias.asked_at >= _ASKED_AGAIN:
            return None
        held = self._versions.get(alias.version)
        return None if held is None else (held, alias.trouble)

    async def _fetch_or_keep(self, which: str) -> tuple[Served, str | None]:
        """Fetch what is named now; while the registry or the store is away, keep what an alias named last."""
        known = self._aliases.get(which)
        held = self._versions.get(known.version) if known else None
        try:
            return await self._fetch(which, patience=None if held is None else _PATIENCE), None
        except (Unreachable, TimeoutError) as error:
            if known is None or held is None:
                raise
            trouble = str(error) or f"the registry did not say in time what {which!r} names now"
            self._aliases[which] = _Alias(time.monotonic(), known.version, trouble)
            return held, trouble

    async def _fetch(self, which: str, *, patience: float | None) -> Served:
        async with asyncio.timeout(patience):
            version = await self._registry.resolve(self.use_case.name, which)
        if version is None:
            raise Missing(f"{self.use_case.name} has no registered version {which!r}")
        held = self._versions.get(version.version)
        if held is None:
            held = await load_version(self.use_case, version, self._registry, self._loader)
        self._versions[version.version] = held
        self._versions.move_to_end(version.version)
        if len(self._versions) > self._settings.versions_held:
            self._versions.popitem(last=False)
        if not which.isdecimal():
            self._aliases[which] = _Alias(time.monotonic(), version.version, None)
        return held

    def example(self, seed: int | None) -> bytes:
        """Return an event to ask about, as JSON; raise `NotReady` before any event was met."""
        recent = self.present().state.recent_events()
        if not recent:
            raise NotReady(f"{self.use_case.name} has met no event yet to draw an example from")
        return self.examples.draw(recent, seed)

    def time_for_an_event_without(self, served: Served) -> datetime:
        """Return when an event that does not say so occurred: in a replay, at the stream's time."""
        at = served.state.stream_time if self.is_replay else None
        return at or datetime.now(UTC)


def _which(model: str, alias: str) -> str:
    """Return the alias or number that a request's `model` names."""
    if model == "registered":
        return alias
    kind, _, name = model.partition(":")
    if kind == "alias" and name and not name.isdecimal():
        return name
    if kind == "version" and name.isdecimal() and len(name) < 10:
        return name
    raise Refused(f"model is {model!r}; say registered, alias:NAME or version:NUMBER", field="model")


def joined(*reasons: str | None) -> str | None:
    """Return reasons as one, or `None` when there is none."""
    return "; ".join(reason for reason in reasons if reason) or None

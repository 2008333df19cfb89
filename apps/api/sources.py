"""Where served states come from: live snapshots of the online store, or versions of the registry."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from apps.api.loading import Loader
from apps.api.replies import ServingFrom
from millrace.adapters.online.port import OnlineStore, Version
from millrace.adapters.registry.port import ModelVersion, Registry
from millrace.domain.errors import IncompatibleState, MillraceError, NotReady, Unreachable, Untrusted
from millrace.domain.usecase import AnyUseCase
from millrace.learning.sealed import Header
from millrace.learning.serving import ServingState

log = structlog.get_logger()

Now = Callable[[], float]

_PASSING = (Unreachable, NotReady)
_REFUSED = (Untrusted, IncompatibleState)


@dataclass(frozen=True, slots=True)
class Served:
    """One loaded state and where it came from. Whatever is said in one answer is read from one of these."""

    state: ServingState
    serving_from: ServingFrom
    model_version: int | None
    loaded_at: float

    @property
    def header(self) -> Header:
        """What the state says of itself."""
        return self.state.header


class Trouble:
    """Why a source cannot be refreshed, said once in the log when it begins and once when it is over."""

    def __init__(self, source: str, use_case: str) -> None:
        self._about = {"source": source, "use_case": use_case}
        self.reason: str | None = None

    def begins(self, error: MillraceError) -> None:
        """Note what is wrong."""
        if self.reason is None:
            log.warning("source in trouble", reason=str(error), **self._about)
        self.reason = str(error)

    def over(self) -> None:
        """Note that all is well."""
        if self.reason is not None:
            log.info("source well again", **self._about)
        self.reason = None


class LiveSource:
    """The newest snapshot of one shard.

    What it holds stays usable while the store is away or empty for no longer than `patience`, and while newer snapshots
    are refused: then the one before is better than nothing.
    """

    def __init__(
        self,
        use_case: AnyUseCase,
        shard: int,
        store: OnlineStore,
        loader: Loader,
        *,
        patience: float,
        now: Now = time.monotonic,
    ) -> None:
        self._use_case = use_case
        self._shard = shard
        self._store = store
        self._loader = loader
        self._patience = patience
        self._now = now
        self._away_since: float | None = None
        self._older_since: float | None = None
        self._trouble = Trouble("live", use_case.name)
        self.held: Served | None = None

    @property
    def trouble(self) -> str | None:
        """Why what is held may not be the newest, or `None`."""
        return self._trouble.reason

    def usable(self) -> bool:
        """Tell whether what is held may be served as live."""
        away = self._away_since
        return self.held is not None and (away is None or self._now() - away < self._patience)

    async def look(self) -> None:
        """Load the store's snapshot if it is another than the one held."""
        try:
            await self._refresh()
        except _PASSING as error:
            self._away_since = self._now() if self._away_since is None else self._away_since
            self._trouble.begins(error)
        except _REFUSED as error:
            self._away_since = None
            self._trouble.begins(error)
        else:
            self._away_since = None
            self._trouble.over()

    async def _refresh(self) -> None:
        there = await self._store.version(self._use_case.name, self._shard)
        if there is None:
            raise self._nothing()
        if self._wants(there):
            published = await self._store.fetch(self._use_case.name, self._shard)
            if published is None:
                raise self._nothing()
            state = await self._loader.open(self._use_case, published.sealed)
            self.held = Served(state, "live", None, self._now())

    def _wants(self, there: Version) -> bool:
        """Tell whether to take a version. An older one only if it stays: a store that lost everything may hear from a
        trainer that was fenced before it hears from the owner."""
        held = None if self.held is None else Version(self.held.header.epoch, self.held.header.offset)
        if held is None or there >= held:
            self._older_since = None
            return there != held
        if self._older_since is None:
            self._older_since = self._now()
        return self._now() - self._older_since >= self._patience

    def _nothing(self) -> NotReady:
        return NotReady(f"no snapshot of {self._use_case.name} is published: has its trainer begun?")


class RegisteredSource:
    """The registered version an alias or a number names."""

    def __init__(
        self, use_case: AnyUseCase, which: str, registry: Registry, loader: Loader, *, now: Now = time.monotonic
    ) -> None:
        self._use_case = use_case
        self._which = which
        self._registry = registry
        self._loader = loader
        self._now = now
        self._trouble = Trouble("registered", use_case.name)
        self.held: Served | None = None

    @property
    def trouble(self) -> str | None:
        """Why what is held may not be what the alias names now, or `None`."""
        return self._trouble.reason

    async def look(self) -> None:
        """Load the version named now if it is another than the one held."""
        try:
            await self._refresh()
        except (*_PASSING, *_REFUSED) as error:
            self._trouble.begins(error)
        else:
            self._trouble.over()

    def release(self) -> None:
        """Forget what is held: when it is wanted again, the alias may have moved."""
        self.held = None
        self._trouble.over()

    async def _refresh(self) -> None:
        version = await self._registry.resolve(self._use_case.name, self._which)
        if version is None:
            raise NotReady(f"no version of {self._use_case.name} is registered as {self._which!r}")
        if self.held is None or self.held.model_version != version.version:
            self.held = await load_version(self._use_case, version, self._registry, self._loader, self._now)


async def load_version(
    use_case: AnyUseCase, version: ModelVersion, registry: Registry, loader: Loader, now: Now = time.monotonic
) -> Served:
    """Fetch and open a registered version."""
    state = await loader.open(use_case, await registry.sealed(version))
    return Served(state, "registered", version.version, now())

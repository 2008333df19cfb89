"""Registration: a checkpoint becomes a model version in MLflow. Off the learning loop; the newest wins."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from millrace.adapters.registry.port import Registration, Registry
from millrace.domain.errors import Unreachable
from millrace.domain.records import Score
from millrace.domain.usecase import AnyUseCase
from trainer.checkpointing import Written

log = structlog.get_logger()

RETRY = 5.0
"""Seconds between two tries to reach the registry."""


class Registrations:
    """Registers what is offered; while the registry is away the newest waits."""

    def __init__(
        self,
        registry: Registry,
        use_case: AnyUseCase,
        *,
        interval: float,
        kept: int,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._registry = registry
        self._use_case = use_case
        self._interval = interval
        self._kept = kept
        self._now = now
        self._due = now()
        self._waiting: Registration | None = None
        self._wake = asyncio.Event()
        self.done = 0
        self.failures = 0
        self.trouble: str | None = None
        self.registered_at: float | None = None
        self.checkpoint_keys: set[str] = set()

    def due(self) -> bool:
        """Tell whether the next checkpoint should be registered."""
        return self._now() >= self._due

    def hurry(self) -> None:
        """Make the next checkpoint be registered: somebody was promoted."""
        self._due = self._now()

    def offer(self, written: Written, standings: dict[str, Score]) -> None:
        """Register a checkpoint, or whatever newer one is offered meanwhile."""
        if written.snapshot is None:
            return
        header = written.header
        self._due = self._now() + self._interval
        self._waiting = Registration(
            use_case=header.use_case,
            question=self._use_case.question,
            state_id=header.state_id,
            champion=header.champion or "",
            trained_until=header.trained_until or "",
            checkpoint_key=written.key,
            events=header.events,
            sealed=written.snapshot,
            metrics={name: _metrics(score) for name, score in standings.items()},
            params={name: {"about": it.about} for name, it in self._use_case.candidates.items() if it.about},
        )
        self._wake.set()

    async def run(self) -> None:
        """Register what is offered, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting is not None:
                offered, self._waiting = self._waiting, None
                if not await self._register(offered):
                    await asyncio.sleep(RETRY)
                    self._waiting = self._waiting or offered

    async def _register(self, offered: Registration) -> bool:
        try:
            version = await self._registry.register(offered)
            await self._registry.retain(offered.use_case, self._kept)
            kept = await self._registry.versions(offered.use_case)
        except Unreachable as error:
            self.failures += 1
            if self.trouble is None:
                log.warning("registration failed; learning goes on", reason=str(error))
            self.trouble = str(error)
            return False
        self.trouble = None
        self.done += 1
        self.registered_at = self._now()
        self.checkpoint_keys = {key for it in kept if (key := it.tags.get("checkpoint"))}
        log.info("registered", version=version.version, state_id=version.state_id)
        return True


def _metrics(score: Score) -> dict[str, float]:
    """Return a score under the names every use case shares: `mae`, `recent_mae`, …, and `versus_champion`."""
    metrics = {**score.overall, **{f"recent_{name}": value for name, value in score.recent.items()}}
    return metrics if score.versus_champion is None else {**metrics, "versus_champion": score.versus_champion}

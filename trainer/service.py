"""The trainer as a service: takes up its shard, learns, and takes it up again when history must be read anew."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

import structlog
from mode import Service

from millrace.domain.errors import Fenced, HistoryLost, IncompatibleState, MillraceError
from millrace.domain.usecase import AnyUseCase
from millrace.runtime.collector import fit_collector
from millrace.runtime.health import Health
from trainer.report import Report
from trainer.settings import TrainerSettings
from trainer.training import Training
from trainer.wiring import Services, open_training, services

log = structlog.get_logger()

AGAIN_AFTER = 1.0
REFUSED_AGAIN_AFTER = 15.0
LAG_EVERY = 2.0
CLOSE_WITHIN = 3.0


class Trainer(Service):
    """One use case, one shard."""

    def __init__(self, settings: TrainerSettings, use_case: AnyUseCase, health: Health, **kwargs: Any) -> None:
        self._settings = settings
        self._use_case = use_case
        self._health = health
        self._on: Services | None = None
        self._training: Training | None = None
        self._report: Report | None = None
        self._last_reason = ""
        self._done = asyncio.Event()
        super().__init__(**kwargs)
        health.details = lambda: {"shards": [self._report.line()] if self._report else []}

    @Service.task
    async def _own(self) -> None:
        """Learn; whatever throws the state away, take the shard up again from its last checkpoint."""
        try:
            while not self.should_stop:
                await self._try_to_own()
        finally:
            self._done.set()

    async def _try_to_own(self) -> None:
        try:
            await self._take_up_and_learn()
        except Fenced as error:
            await self._stand_by(error)
        except (HistoryLost, IncompatibleState) as error:
            await self._wait("cannot go on", error, REFUSED_AGAIN_AFTER)
        except (MillraceError, OSError) as error:
            await self._wait("recovering", error, AGAIN_AFTER)

    async def _take_up_and_learn(self) -> None:
        self._health.beat("learner")
        self._on = services(self._settings)
        self._training, outlets, said = await open_training(self._settings, self._use_case, self._on)
        fit_collector()
        log.info("shard taken up", state_id=str(self._training.shard.state_id), said=said)
        self._report = Report(self._training, outlets, self._on.bus, said)
        beside = [asyncio.create_task(it) for it in (*self._training.background(), self._keep_told())]
        try:
            await self._until_stopped(self._training, beside)
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await _let_go(self._training.close())
            await _let_go(self._on.close())

    async def _until_stopped(self, training: Training, beside: list[asyncio.Task[None]]) -> None:
        """Learn until told to stop; the death of a task beside the loop ends it."""
        learning = asyncio.create_task(training.run(lambda: self._health.beat("learner")))
        try:
            await asyncio.wait([learning, *beside], return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not learning.done() and not training.stopping:
                learning.cancel()
        for task in beside:
            if task.done():
                task.result()
        await learning

    async def _keep_told(self) -> None:
        """Refresh metrics and health once a second."""
        asked = 0.0
        while True:
            assert self._report is not None
            assert self._training is not None
            self._report.refresh()
            if time.monotonic() - asked > LAG_EVERY:
                asked = time.monotonic()
                await self._ask_lag(self._report)
            trouble = self._training.trouble
            if trouble:
                self._health.not_ready("learner", trouble)
            else:
                self._health.ready("learner")
                self._health.ready()
            await asyncio.sleep(1.0)

    async def _ask_lag(self, report: Report) -> None:
        try:
            await report.refresh_lag()
        except MillraceError as error:
            self._health.not_ready("log", f"the log does not answer: {error}")
        else:
            self._health.ready("log")

    async def _wait(self, what: str, error: BaseException, seconds: float) -> None:
        if str(error) != self._last_reason:
            self._last_reason = str(error)
            log.warning(what, reason=str(error), kind=type(error).__name__)
        self._health.not_ready("learner", f"{what}: {error}")
        self._health.beat("learner")
        await self.sleep(seconds)

    async def _stand_by(self, error: Fenced) -> None:
        """Another owner has the shard: write nothing, keep answering, until told to stop."""
        log.error("fenced; standing by", reason=str(error))
        while not self.should_stop:
            self._health.not_ready("learner", f"standing by: {error}")
            self._health.beat("learner")
            await self.sleep(1.0)

    async def on_stop(self) -> None:
        """Finish the batch, leave a checkpoint."""
        if self._training is not None:
            self._training.stopping = True
        self.set_shutdown()
        async with asyncio.timeout(8.0):
            await self._done.wait()


async def _let_go(closing: Coroutine[Any, Any, None]) -> None:
    """Close what may be gone already: a client of a dead log would wait for it for ever."""
    try:
        async with asyncio.timeout(CLOSE_WITHIN):
            await closing
    except (TimeoutError, MillraceError, OSError) as error:
        log.info("closed without an answer", reason=repr(error))

"""Starts parts, keeps them running, stops them in order."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import msgspec

from millrace.runtime.embedded.part import Part
from millrace.runtime.supervision.backoff import Backoff
from millrace.runtime.supervision.child import Child, State
from millrace.runtime.supervision.guard import Guard
from millrace.runtime.supervision.logfiles import last_line, rotate, shorten
from millrace.runtime.supervision.probe import look

What = Literal["starting", "ready", "not ready", "died", "unwell", "said", "stopped", "killed"]

POLL = 0.1
LOOK_STARTING = 0.3
LOOK_LATER = 3.0
LOOK_AT_STORES = 10.0
"""Parts that tell no health are only asked whether they answer; that they died is noticed at once anyway."""
LOGS_EVERY = 30.0
UNWELL_FOR = 5.0
"""Seconds a part may say that it is not live before it is killed and started again; it has waited long to say so."""
SILENT_FOR = 30.0
"""Seconds a part that was ready may give no answer at all: a loaded machine is slow, and pauses are borne."""
WHY_AFTER = 10.0
"""Seconds after which a part that is not ready is news, and the least between two reasons it gives."""
OTHERS_WAIT = 20.0
"""Seconds after which a part is started though one it would rather come after is not ready."""
STOP_WITHIN = 8.5
"""Seconds until whatever still runs is killed; a loaded machine needs some more until the supervisor itself has ended."""
_LATER_STAGES = 0.5
"""Seconds of that time kept for every stage that is still to come."""
_LAST_STAGE = 2.0
"""Seconds of it kept for the last one: stores and log put their files in order."""
_FIRST_STAGE = 2.5
"""Seconds of that time the first stage may take: producers have nothing to save, the trainer after them has."""


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """Something an operator should see."""

    part: str
    what: What
    detail: str = ""


class Supervisor:
    """Runs parts until told to stop. All of its methods are called in one thread, the main one.

    (The kernel ties a child's life to the thread that started it.)
    """

    def __init__(
        self,
        parts: Sequence[Part],
        logs: Path,
        tell: Callable[[Happening], None],
        *,
        backoff: Callable[[], Backoff] = Backoff,
        stop_within: float = STOP_WITHIN,
    ) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        self.guard = Guard()
        self.children = [Child(part, logs / f"{part.name}.log", self.guard, backoff()) for part in parts]
        self._tell = tell
        self._stop_within = stop_within
        self._stopping = asyncio.Event()
        self._hurry = False
        self._whys: dict[str, tuple[str, float]] = {}
        self._threads = ThreadPoolExecutor(max(1, len(parts)), thread_name_prefix="look")

    def stop(self) -> None:
        """Ask for the end; asked a second time, do not wait for anybody."""
        self._hurry = self._stopping.is_set()
        self._stopping.set()

    def ready(self) -> bool:
        """Tell whether every part is ready."""
        return all(child.state == "ready" for child in self.children)

    async def run(self) -> None:
        """Start all parts; return when told to stop and all have ended."""
        for child in self.children:
            rotate(child.log)
        tasks = [asyncio.create_task(work) for child in self.children for work in (self._keep(child), self._see(child))]
        tasks.append(asyncio.create_task(self._house()))
        told = asyncio.create_task(self._stopping.wait())
        try:
            done, _ = await asyncio.wait([told, *tasks], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {told}:
                task.result()  # none ends before it is told to: a fault of the supervisor itself
        finally:
            self._stopping.set()
            await self._end_all()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._threads.shutdown(wait=False, cancel_futures=True)
            self.guard.close()

    async def _keep(self, child: Child) -> None:
        await self._turn(child)
        while not self._stopping.is_set():
            child.start()
            self._tell(Happening(part=child.part.name, what="starting"))
            status = await self._death(child)
            if self._stopping.is_set():
                break
            wait = child.wait_before_restart()
            self._tell(Happening(part=child.part.name, what="died", detail=_obituary(child, status, wait)))
            await self._pause(wait)

    async def _turn(self, child: Child) -> None:
        """Wait until parts of a lower order are ready; not for ever: every service of ours bears their absence."""
        deadline = time.monotonic() + OTHERS_WAIT
        before = [it for it in self.children if it.part.order < child.part.order]
        while time.monotonic() < deadline and any(it.state != "ready" for it in before):
            if await self._pause(POLL):
                return

    async def _death(self, child: Child) -> int:
        while (status := child.ended()) is None:
            if child.unwell() > (SILENT_FOR if child.silent else UNWELL_FOR):
                self._tell(Happening(part=child.part.name, what="unwell", detail="not live: killed, to start again"))
                child.kill()
            # When all is stopping, `_end_all` looks after this child.
            if await self._pause(POLL):
                return 0
        return status

    async def _see(self, child: Child) -> None:
        """Look at a part again and again; tell what is new."""
        while not await self._until_look(child):
            if child.pid is None:
                continue
            state, said, pid = child.state, child.said, child.pid
            found = await asyncio.get_running_loop().run_in_executor(self._threads, look, child.part)
            if child.pid == pid:
                child.note(found)
                self._tell_new(child, state, said)

    async def _until_look(self, child: Child) -> bool:
        """Wait until it is time to look, soon while a part starts; return whether all is to stop."""
        later = LOOK_LATER if child.part.health else LOOK_AT_STORES
        began = time.monotonic()
        while time.monotonic() - began < (later if child.state == "ready" else LOOK_STARTING):
            if await self._pause(POLL):
                return True
        return self._stopping.is_set()

    def _tell_new(self, child: Child, state: State, said: tuple[str, ...]) -> None:
        name = child.part.name
        for words in child.said:
            if words not in said:
                self._tell(Happening(part=name, what="said", detail=words))
        if child.state != state and child.state in ("ready", "not ready"):
            self._tell(Happening(part=name, what="ready" if child.state == "ready" else "not ready", detail=child.why))
            self._whys[name] = child.why, time.monotonic()
        elif child.why and child.age() > WHY_AFTER:
            self._tell_why(name, child.why)

    def _tell_why(self, name: str, why: str) -> None:
        """Tell what keeps a part from being ready when it is news; not more often than somebody can read it."""
        before, at = self._whys.get(name, ("", 0.0))
        if why != before and time.monotonic() - at > WHY_AFTER:
            self._whys[name] = why, time.monotonic()
            self._tell(Happening(part=name, what="not ready", detail=why))

    async def _house(self) -> None:
        """Keep log files short and the guard alive."""
        while not await self._pause(LOGS_EVERY):
            self.guard.check()
            for child in self.children:
                shorten(child.log)

    async def _pause(self, seconds: float) -> bool:
        """Wait; return whether all is to stop."""
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return False
        return True

    async def _end_all(self) -> None:
        """End all parts, those that stop first first; each stage may take what the later ones do not need."""
        began = time.monotonic()
        stages = sorted({child.part.stops for child in self.children})
        for stage, most in zip(stages, self._shares(len(stages)), strict=True):
            those = [child for child in self.children if child.part.stops == stage]
            for child in those:
                child.ask_to_stop()
            await self._ended(those, began + most)

    def _shares(self, stages: int) -> list[float]:
        """Return by when, in seconds from now, each stage must have ended."""
        scale = self._stop_within / STOP_WITHIN
        if stages < 2:
            return [self._stop_within]
        kept = [scale * (_LAST_STAGE + _LATER_STAGES * left) for left in reversed(range(stages - 1))]
        until = [self._stop_within - each for each in kept]
        return [min(until[0], scale * _FIRST_STAGE), *until[1:], self._stop_within]

    async def _ended(self, children: list[Child], deadline: float) -> None:
        while running := [child for child in children if child.ended() is None]:
            if self._hurry or time.monotonic() > deadline:
                for child in running:
                    child.kill()
                    self._tell(Happening(part=child.part.name, what="killed", detail="it took too long to stop"))
                await asyncio.sleep(POLL)
            await asyncio.sleep(POLL / 4)
        for child in children:
            if child.state != "stopped":
                child.state = "stopped"
                self._tell(Happening(part=child.part.name, what="stopped"))


def _obituary(child: Child, status: int, wait: float) -> str:
    how = f"killed by signal {-status}" if status < 0 else f"ended with status {status}"
    line = "" if -status in (signal.SIGKILL, signal.SIGTERM) else last_line(child.log)
    return f"{how}; again in {wait:g} s" + (f". It said last: {line[:300]}" if line else "")

"""Loading sealed states beside the requests: verified, then unpickled, in one thread of their own."""

from __future__ import annotations

import asyncio
import gc
import pickle
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from millrace.domain.errors import IncompatibleState, NotReady
from millrace.domain.usecase import AnyUseCase
from millrace.learning.sealed import Verify
from millrace.learning.serving import ServingState
from millrace.runtime.signing import PublicKeys
from millrace.runtime.telemetry import METRICS

_UNREADABLE = (
    pickle.UnpicklingError,
    ArithmeticError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    TypeError,
    ValueError,
)
"""What unpickling a genuine state raises where its classes are not those that wrote it."""

Trust = Callable[[], Verify]
"""Returns what verifies signatures now; raises `NotReady` when there is no key to trust yet."""


def trust_in(paths: Sequence[Path]) -> Trust:
    """Return what reads the trusted keys anew at each load: the trainer makes them, and they may be replaced."""

    def trust() -> Verify:
        there = [path for path in paths if path.exists()]
        if not there:
            raise NotReady(
                f"there is no public key to trust yet: {', '.join(path.name for path in paths)} does not exist"
            )
        return PublicKeys.load(there).verify

    return trust


class Loader:
    """Opens sealed states, one at a time, off the event loop."""

    def __init__(self, trust: Trust) -> None:
        self._trust = trust
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="loading")
        self._opened: set[str] = set()

    async def open(self, use_case: AnyUseCase, sealed: bytes) -> ServingState:
        """Verify and read a sealed state; raise `Untrusted`, `IncompatibleState` or `NotReady`."""
        started = time.perf_counter()
        outcome = "refused"
        try:
            state = await asyncio.get_running_loop().run_in_executor(self._thread, self._open, use_case, sealed)
            outcome = "loaded"
        finally:
            METRICS.reloads.labels(use_case.name, outcome).inc()
        METRICS.reload_seconds.labels(use_case.name).observe(time.perf_counter() - started)
        return state

    def _open(self, use_case: AnyUseCase, sealed: bytes) -> ServingState:
        # Unpickling makes many objects and no garbage: a collection meanwhile would stop the requests, for nothing.
        gc.disable()
        try:
            state = ServingState.open(use_case, sealed, self._trust())
            self._spare_what_stays(use_case)
            return state
        except _UNREADABLE as error:
            raise IncompatibleState(
                f"a state of {use_case.name} is genuine but does not load here ({type(error).__name__}: {error}): it was "
                "written by other versions of the libraries"
            ) from error
        finally:
            gc.enable()

    def _spare_what_stays(self, use_case: AnyUseCase) -> None:
        """Keep the libraries out of every later collection: the first state of a use case imports what it needs.

        Once only: what is frozen is freed when nobody holds it, but garbage in circles that was frozen stays for ever.
        """
        if use_case.name not in self._opened:
            self._opened.add(use_case.name)
            gc.collect()
            gc.freeze()

    def close(self) -> None:
        """Let go; what is being loaded is finished first, unseen."""
        self._thread.shutdown(wait=False, cancel_futures=True)

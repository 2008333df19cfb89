"""Figures of health, for people without Grafana: read from the metrics of the parts, when somebody asks."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence

import httpx
from prometheus_client.parser import text_string_to_metric_families

from apps.api import replies
from millrace.runtime.telemetry import SPECS

EVERY = 1.0
"""Seconds within which the parts are asked once, however many want to know."""
SPAN = 15.0
"""Seconds over which what flows is counted."""
PATIENCE = 1.0
"""Seconds a part may take to answer."""
PREDICTIONS, LEARNT, DEAD, LAG, AGE = (
    SPECS[it].name for it in ("predictions", "learnt", "dead_letters", "lag", "checkpoint_age")
)
_WANTED = tuple(f"{name}{{" for name in (PREDICTIONS, LEARNT, DEAD, LAG, AGE))

Sums = dict[tuple[str, str], float]
"""What is now, by metric and use case: of an age the largest, of anything else the sum."""


class Figures:
    """Asks the parts at some addresses for their metrics, and keeps what they said for a few seconds."""

    def __init__(self, addresses: Sequence[str], *, now: Callable[[], float] = time.monotonic) -> None:
        self._addresses = addresses
        self._now = now
        self._http = httpx.AsyncClient(timeout=PATIENCE, trust_env=False)
        self._asking = asyncio.Lock()
        self._looks: deque[tuple[float, Sums]] = deque()
        self.answering = 0

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def look(self) -> None:
        """Ask every part, unless that was just done."""
        async with self._asking:
            if self._looks and self._now() - self._looks[-1][0] < EVERY:
                return
            said = [it for it in await asyncio.gather(*map(self._ask, self._addresses)) if it is not None]
            self.answering = len(said)
            self._keep(self._now(), sums(said))

    async def _ask(self, address: str) -> str | None:
        try:
            answer = await self._http.get(f"{address}/metrics")
        except httpx.HTTPError:
            return None
        return answer.text if answer.is_success else None

    def _keep(self, now: float, found: Sums) -> None:
        if self._looks and any(
            found.get(it, 0) < was for it, was in self._looks[-1][1].items() if it[0] == PREDICTIONS
        ):
            self._looks.clear()  # a part began anew, or is away: what it counted before is no measure of it
        self._looks.append((now, found))
        while self._looks[0][0] < now - SPAN:
            self._looks.popleft()

    def of(self, use_case: str, state_age: float | None) -> replies.Figures:
        """Return how one use case flows; `state_age` is that of what is served here, in seconds."""
        now = self._looks[-1][1] if self._looks else {}
        lag, dead = now.get((LAG, use_case)), now.get((DEAD, use_case))
        return replies.Figures(
            predictions_per_s=self._rate(PREDICTIONS, use_case),
            training_samples_per_s=self._rate(LEARNT, use_case),
            lag_records=None if lag is None else int(lag),
            checkpoint_age_s=now.get((AGE, use_case)),
            state_age_s=state_age,
            dead_letters=None if dead is None else int(dead),
        )

    def _rate(self, name: str, use_case: str) -> float | None:
        if not self._looks or (name, use_case) not in self._looks[-1][1]:
            return None
        (since, first), (until, last) = self._looks[0], self._looks[-1]
        counted = last[name, use_case] - first.get((name, use_case), 0.0)
        return counted / (until - since) if until - since >= EVERY else None


def sums(texts: Sequence[str]) -> Sums:
    """Return what the metrics of some parts say together."""
    found: Sums = {}
    for text in texts:
        wanted = "\n".join(line for line in text.splitlines() if line.startswith(_WANTED))
        for family in text_string_to_metric_families(f"{wanted}\n"):
            for sample in family.samples:
                where = sample.name, sample.labels["use_case"]
                before = found.get(where, 0.0)
                found[where] = max(before, sample.value) if sample.name == AGE else before + sample.value
    return found

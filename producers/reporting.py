"""What a producer says of itself: health and metrics."""

from __future__ import annotations

from millrace.domain.times import SECOND, Micros
from millrace.runtime.health import Health
from millrace.runtime.telemetry import METRICS

LOOP = "replay"


class Reporting:
    """Passes a producer's reports on to health and metrics."""

    def __init__(self, use_case: str, health: Health) -> None:
        self._use_case = use_case
        self._health = health
        self._state = "starting"
        health.details = lambda: {"use_case": use_case, "state": self._state}

    def replaying(self, what: str) -> None:
        """Say that facts flow, or have all flowed: ready."""
        self._state = what
        self._health.ready("start")
        self._health.ready("log")

    def waiting(self, why: str) -> None:
        """Say what it waits for: not ready."""
        self._state = "waiting"
        self._health.ready("start")
        self._health.not_ready("log", why)

    def beat(self) -> None:
        """Say that the loop advances."""
        self._health.beat(LOOP)

    def sent(self, topic: str, facts: int, stream_time: Micros) -> None:
        """Count facts that the log has confirmed."""
        METRICS.produced.labels(self._use_case, topic.rpartition(".")[2]).inc(facts)
        METRICS.produced_until.labels(self._use_case).set(stream_time / SECOND)

    def held_back(self, seconds: float) -> None:
        """Count the time waited for the trainer."""
        METRICS.held_back.labels(self._use_case).inc(seconds)

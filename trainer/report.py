"""What a trainer tells of itself: metrics, and its shard's line in `/readyz`."""

from __future__ import annotations

import time
from typing import Any

from millrace.adapters.bus.port import Bus
from millrace.runtime.telemetry import METRICS
from trainer.training import Outlets, Training

LONG_AGO = 1e9


class Report:
    """Turns a training's state into metrics; asked once a second."""

    def __init__(self, training: Training, outlets: Outlets, bus: Bus, said: str) -> None:
        self._training = training
        self._outlets = outlets
        self._bus = bus
        self._said = said
        self._before: dict[str, float] = {}
        self._labels = (training.shard.use_case.name, str(training.shard.number))
        self.lag = 0

    async def refresh_lag(self) -> None:
        """Ask the log how far behind the learner is."""
        positions = self._training.inputs()
        ends = await self._bus.end(list(positions))
        self.lag = sum(max(0, ends[where] - at) for where, at in positions.items())

    def refresh(self) -> None:
        """Set every metric."""
        learner, progress, labels = self._training.shard.learner, self._training.progress, self._labels
        self._count("predictions", METRICS.predictions, progress.predictions)
        self._count("batches", METRICS.batches, progress.batches)
        self._count("learnt", METRICS.learnt, progress.learnt)
        for outcome, count in learner.counters.items():
            METRICS.facts.labels(*labels, outcome)
            self._count(f"facts:{outcome}", METRICS.facts, count, outcome)
        for what in ("feature", "prediction", "error"):
            METRICS.drift_alarms.labels(*labels, what)
            self._count(f"facts, alarms:{what}", METRICS.drift_alarms, learner.counters.get(f"alarms_{what}", 0), what)
        for reason, count in progress.dead_letters.items():
            self._count(f"dead:{reason}", METRICS.dead_letters, count, reason)
        while progress.timings:
            learning, committing = progress.timings.popleft()
            METRICS.learning_seconds.labels(*labels).observe(learning)
            METRICS.commit_seconds.labels(*labels).observe(committing)
        METRICS.lag.labels(*labels).set(self.lag)
        METRICS.stream_time.labels(*labels).set(learner.time / 1e6)
        METRICS.trained_until.labels(*labels).set(learner.trained_until / 1e6)
        METRICS.ledger_entries.labels(*labels).set(len(learner.ledger.waiting))
        METRICS.ledger_bytes.labels(*labels).set(learner.ledger.bytes)
        METRICS.suspended.labels(*labels).set(len(learner.contest.suspended))
        METRICS.epoch.labels(*labels).set(self._training.shard.epoch)
        METRICS.journal_offset.labels(*labels).set(self._training.shard.offset)
        METRICS.advancing.labels(*labels).set(self._training.trouble is None)
        for name, score in learner.contest.scores.items():
            for metric, value in score.recent().items():
                METRICS.score.labels(*labels, name, metric).set(value)
        self._outlet_metrics()

    def _outlet_metrics(self) -> None:
        checkpoints, snapshots, registrations = self._outlets
        labels = self._labels
        METRICS.checkpoint_age.labels(*labels).set(_age(checkpoints.written_at))
        METRICS.checkpoint_bytes.labels(*labels).set(checkpoints.bytes)
        METRICS.checkpoint_pause.labels(*labels).set(checkpoints.pause)
        METRICS.checkpoint_failures.labels(*labels).set(checkpoints.failures)
        METRICS.snapshot_age.labels(*labels).set(_age(snapshots.published_at))
        METRICS.snapshot_bytes.labels(*labels).set(snapshots.bytes)
        METRICS.registrations.labels(*labels).set(registrations.done)
        METRICS.registration_failures.labels(*labels).set(registrations.failures)

    def _count(self, what: str, metric: Any, now: float, *more: str) -> None:
        """Raise a counter by what was added since the last time; what a recovery brought along is not counted."""
        before = self._before.setdefault(what, now if what.startswith("facts") else 0)
        metric.labels(*self._labels, *more).inc(max(0, now - before))
        self._before[what] = now

    def line(self) -> dict[str, Any]:
        """Return the shard's line for `/readyz` and `millrace status`."""
        shard, outlets = self._training.shard, self._outlets
        written = outlets.checkpoints.written_at
        troubles = {
            name: trouble
            for name, trouble in (
                ("learner", self._training.trouble),
                ("checkpoints", outlets.checkpoints.trouble),
                ("snapshots", outlets.snapshots.trouble),
                ("registrations", outlets.registrations.trouble),
            )
            if trouble
        }
        return {
            "use_case": shard.use_case.name,
            "shard": shard.number,
            "owner": "this trainer",
            "state_id": str(shard.state_id),
            "lag": self.lag,
            "checkpoint_age_s": None if written is None else round(_age(written), 1),
            "champion": shard.learner.contest.champion,
            "events": shard.learner.counters.get("events", 0),
            "said": self._said,
            **({"troubles": troubles} if troubles else {}),
        }


def _age(at: float | None) -> float:
    return LONG_AGO if at is None else time.monotonic() - at

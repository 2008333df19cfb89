"""What a trainer tells of itself: metrics, and its shard's line in `/readyz`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, get_args, get_type_hints

from millrace.adapters.bus.port import Bus
from millrace.domain.metrics import best, higher_is_better
from millrace.domain.records import Role, Score
from millrace.learning.outcomes import Unreadable
from millrace.runtime.telemetry import METRICS
from trainer.training import Outlets, Training

REASONS = (*get_type_hints(Unreadable)["reason"].__args__, "duplicate", "features", "conflicting", "unmatchable")
"""Why records become dead letters. Each is shown from the start: a counter that appears with its first count shows no rise."""
SCORES_EVERY = 10.0
"""Seconds between two looks at the scores: ranking 10,000 answers of each who competes takes some 50 ms of learning."""
STUCK_AFTER = 15.0
"""Seconds without a refresh after which the learner is not taken to advance."""


class Report:
    """Turns a training's state into metrics; refreshed once a second, ages at each scrape."""

    def __init__(
        self,
        training: Training,
        outlets: Outlets,
        bus: Bus,
        said: str,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._training = training
        self._outlets = outlets
        self._bus = bus
        self._said = said
        self._before: dict[str, float] = {}
        self._labels = (training.shard.use_case.name, str(training.shard.number))
        self._now = now
        self._began = self._refreshed = now()
        self._scored = -SCORES_EVERY
        self.lag = 0
        self._ages()

    def _ages(self) -> None:
        """Let what grows by itself be read when it is asked for: a learner that is stuck refreshes nothing."""
        checkpoints, snapshots, registrations = self._outlets
        METRICS.checkpoint_age.labels(*self._labels).set_function(lambda: self._since(checkpoints.written_at))
        METRICS.snapshot_age.labels(*self._labels).set_function(lambda: self._since(snapshots.published_at))
        METRICS.registration_age.labels(*self._labels).set_function(lambda: self._since(registrations.registered_at))
        METRICS.advancing.labels(*self._labels).set_function(self._advances)

    def _since(self, at: float | None) -> float:
        return self._now() - (self._began if at is None else at)

    def _advances(self) -> bool:
        return self._training.trouble is None and self._since(self._refreshed) < STUCK_AFTER

    async def refresh_lag(self) -> None:
        """Ask the log how far behind the learner is."""
        positions = self._training.inputs()
        ends = await self._bus.end(list(positions))
        self.lag = sum(max(0, ends[where] - at) for where, at in positions.items())

    def refresh(self) -> None:
        """Set every metric."""
        learner, progress, labels = self._training.shard.learner, self._training.progress, self._labels
        self._refreshed = self._now()
        self._count("predictions", METRICS.predictions, progress.predictions)
        self._count("batches", METRICS.batches, progress.batches)
        self._count("learnt", METRICS.learnt, progress.learnt)
        for outcome, count in {"ledger_skipped": 0, **learner.counters}.items():
            if " " not in outcome:  # those that have one end in a word of the data, and there is no end to these
                METRICS.facts.labels(*labels, outcome)
                self._count(f"facts:{outcome}", METRICS.facts, count, outcome)
        for what in ("feature", "prediction", "error"):
            METRICS.drift_alarms.labels(*labels, what)
            self._count(f"facts, alarms:{what}", METRICS.drift_alarms, learner.counters.get(f"alarms_{what}", 0), what)
        for reason, count in {**dict.fromkeys(REASONS, 0), **progress.dead_letters}.items():
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
        if self._since(self._scored) >= SCORES_EVERY:
            self._scored = self._now()
            decisive = next(iter(learner.contest.scores.values())).metric
            self._contest_metrics(learner.contest.standings(), decisive)
        self._outlet_metrics()

    def _contest_metrics(self, standings: Mapping[str, Score], decisive: str) -> None:
        for name, score in standings.items():
            for metric, value in score.recent.items():
                METRICS.score.labels(*self._labels, name, metric).set(value)
            for role in get_args(Role):
                METRICS.role.labels(*self._labels, name, role).set(role == score.role)
        gain = gain_of_the_champion(standings, decisive)
        METRICS.gain.labels(*self._labels).set(float("nan") if gain is None else gain)

    def _outlet_metrics(self) -> None:
        checkpoints, snapshots, registrations = self._outlets
        labels = self._labels
        METRICS.checkpoint_bytes.labels(*labels).set(checkpoints.bytes)
        METRICS.checkpoint_pause.labels(*labels).set(checkpoints.pause)
        METRICS.snapshot_bytes.labels(*labels).set(snapshots.bytes)
        self._count("checkpoints written", METRICS.checkpoints, checkpoints.written, "written")
        self._count("checkpoints failed", METRICS.checkpoints, checkpoints.failures, "failed")
        self._count("registrations done", METRICS.registrations, registrations.done, "done")
        self._count("registrations failed", METRICS.registrations, registrations.failures, "failed")

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
            "checkpoint_age_s": None if written is None else round(self._since(written), 1),
            "champion": shard.learner.contest.champion,
            "events": shard.learner.counters.get("events", 0),
            "said": self._said,
            **({"troubles": troubles} if troubles else {}),
        }


def gain_of_the_champion(standings: Mapping[str, Score], metric: str) -> float | None:
    """Return by which share of the best baseline's recent score the champion's is better; `None` before both have one."""
    recent = {name: it.recent[metric] for name, it in standings.items() if metric in it.recent}
    champion = next((recent[name] for name, it in standings.items() if it.role == "champion" and name in recent), None)
    rival = best(metric, (recent[name] for name, it in standings.items() if it.role == "baseline" and name in recent))
    if champion is None or not rival:
        return None
    gain = champion - rival if higher_is_better(metric) else rival - champion
    return gain / abs(rival)

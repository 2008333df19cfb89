"""The metric catalogue: every metric is declared once, here. Names follow Prometheus' conventions, units in the name.

Dashboards, alerts and the parts themselves take their metrics from here: `METRICS.predictions.labels(use_case, shard).inc()`.
A part exposes its own, and those that every part has.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, fields
from importlib.metadata import version
from typing import Any, Literal

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

disable_created_metrics()  # type: ignore[no-untyped-call]  # when a counter began is one more series for each, and nobody asks

Kind = Literal["counter", "gauge", "histogram"]

EVERY = "every"
"""Stands for all parts."""
PARTS = ("trainer", "api", "feed", "dashboard", "producer")
"""The parts of ours, each with a `/metrics`."""
SHARD = ("use_case", "shard")
MILLISECONDS_TO_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
ANSWER_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
UNITS = ("seconds", "bytes", "records", "ratio")
"""Units that stand in a name; what has none of them is a count or a yes (1) or no (0)."""
LABELS = {
    "use_case": "the use cases that are learnt",
    "shard": "the shards of a use case",
    "outcome": "what may come of one thing, as the code names it",
    "reason": "why a record is refused, as the intake and the ledger name it",
    "what": "feature, prediction or error",
    "candidate": "the candidates and baselines of a use case's file",
    "role": "champion, challenger, baseline or suspended",
    "metric": "the metrics of a use case's task",
    "route": "the API's routes as they are declared, not as they are asked for; `none` for what has none",
    "status": "the HTTP status codes that the API answers with",
    "serving_from": "live or registered",
    "kind": "the topics that a producer writes",
    "part": "the parts of ours",
    "version": "the release that runs; two during an upgrade",
}
"""Every label there is, and what its values are bounded by."""


@dataclass(frozen=True)
class Spec:
    """One metric as declared: the part that shows it, and its labels, whose values are few."""

    name: str
    kind: Kind
    help: str
    part: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def unit(self) -> str:
        """The unit that the name says; empty for a count, or a yes (1) or no (0)."""
        return next((it for it in UNITS if it in self.name.removesuffix("_total").rpartition("_")), "")

    @property
    def series(self) -> tuple[str, ...]:
        """The names under which its samples are found."""
        return tuple(f"{self.name}_{it}" for it in ("bucket", "sum", "count")) if self.buckets else (self.name,)

    def make(self) -> Any:
        """Return the metric itself, registered with its part."""
        registry = _REGISTRIES[self.part]
        if self.kind == "histogram":
            return Histogram(self.name, self.help, self.labels, buckets=self.buckets, registry=registry)
        return (Counter if self.kind == "counter" else Gauge)(self.name, self.help, self.labels, registry=registry)


def _of(part: str, name: str, kind: Kind, text: str, *labels: str, buckets: tuple[float, ...] = ()) -> Any:
    return Spec(f"millrace_{name}", kind, text, part, labels, buckets)


def _trainer(name: str, kind: Kind, text: str, *more: str, buckets: tuple[float, ...] = ()) -> Any:
    return _of("trainer", name, kind, text, *SHARD, *more, buckets=buckets)


@dataclass(frozen=True)
class Catalogue:
    """Every metric there is."""

    build: Any = _of(EVERY, "build_info", "gauge", "1, with the part and its release.", "part", "version")
    ready: Any = _of(EVERY, "part_ready", "gauge", "1 while the part does what it is for, else 0.")

    facts: Any = _trainer("facts_total", "counter", "What came of facts, as the learner counts it.", "outcome")
    predictions: Any = _trainer("predictions_total", "counter", "Predictions made and committed.")
    learnt: Any = _trainer("training_samples_total", "counter", "Labels learnt from.")
    dead_letters: Any = _trainer("dead_letters_total", "counter", "Records that could not be used.", "reason")
    batches: Any = _trainer("batches_total", "counter", "Batches committed.")
    learning_seconds: Any = _trainer(
        "learning_seconds", "histogram", "Time to learn one batch.", buckets=MILLISECONDS_TO_SECONDS
    )
    commit_seconds: Any = _trainer(
        "commit_seconds", "histogram", "Time to commit one batch.", buckets=MILLISECONDS_TO_SECONDS
    )
    lag: Any = _trainer("consumer_lag_records", "gauge", "Records of events and labels not learnt yet.")
    stream_time: Any = _trainer("stream_timestamp_seconds", "gauge", "The stream's time, in seconds since 1970.")
    trained_until: Any = _trainer(
        "trained_until_timestamp_seconds", "gauge", "Newest event learnt from, in seconds since 1970."
    )
    ledger_entries: Any = _trainer("ledger_entries", "gauge", "Predictions waiting for their label.")
    ledger_bytes: Any = _trainer("ledger_bytes", "gauge", "Size of the waiting predictions.")
    score: Any = _trainer("score", "gauge", "Prequential metric over the recent window.", "candidate", "metric")
    role: Any = _trainer("candidate_role", "gauge", "1 for the role that each has now, else 0.", "candidate", "role")
    gain: Any = _trainer(
        "champion_gain_ratio", "gauge", "How much better than the best baseline the champion is, recently; 0.1 is 10 %."
    )
    drift_alarms: Any = _trainer("drift_alarms_total", "counter", "Alarms that something has drifted.", "what")
    suspended: Any = _trainer("candidates_suspended", "gauge", "Candidates that raised and are out.")
    epoch: Any = _trainer("epoch", "gauge", "The shard's epoch.")
    journal_offset: Any = _trainer("journal_offset", "gauge", "Offset of the newest journal entry.")
    advancing: Any = _trainer("advancing", "gauge", "1 while the learner advances or has nothing to do, else 0.")
    checkpoint_age: Any = _trainer(
        "checkpoint_age_seconds", "gauge", "Time since this process's newest durable checkpoint, or its start."
    )
    checkpoint_bytes: Any = _trainer("checkpoint_bytes", "gauge", "Size of the newest checkpoint.")
    checkpoint_pause: Any = _trainer(
        "checkpoint_pause_seconds", "gauge", "How long the newest checkpoint held learning up."
    )
    checkpoints: Any = _trainer("checkpoints_total", "counter", "Checkpoints, written or failed.", "outcome")
    snapshot_age: Any = _trainer(
        "snapshot_age_seconds", "gauge", "Time since this process published its newest snapshot, or its start."
    )
    snapshot_bytes: Any = _trainer("snapshot_bytes", "gauge", "Size of the newest snapshot.")
    registration_age: Any = _trainer(
        "registration_age_seconds", "gauge", "Time since this process registered a model version, or its start."
    )
    registrations: Any = _trainer("registrations_total", "counter", "Registrations, done or failed.", "outcome")

    http_requests: Any = _of("api", "http_requests_total", "counter", "Requests answered.", "route", "status")
    http_seconds: Any = _of(
        "api", "http_request_seconds", "histogram", "Time to answer a request.", "route", buckets=ANSWER_SECONDS
    )
    http_in_flight: Any = _of("api", "http_requests_in_flight", "gauge", "Requests being answered.")
    shed: Any = _of("api", "http_requests_shed_total", "counter", "Requests refused because too many came.")
    streams: Any = _of("api", "streams", "gauge", "Streams of events being served.")
    answers: Any = _of("api", "answers_total", "counter", "Answers given.", "use_case", "serving_from")
    served_state_age: Any = _of(
        "api", "served_state_age_seconds", "gauge", "Time since the served state was loaded.", "use_case"
    )
    served_until: Any = _of(
        "api",
        "served_trained_until_timestamp_seconds",
        "gauge",
        "Newest event that the served state has learnt from, in seconds since 1970.",
        "use_case",
    )
    served_from: Any = _of(
        "api", "served_from", "gauge", "1 for where the served state comes from, else 0.", "use_case", "serving_from"
    )
    degraded: Any = _of("api", "served_degraded", "gauge", "1 while answers are not from what was wanted.", "use_case")
    reloads: Any = _of("api", "reloads_total", "counter", "States loaded.", "use_case", "outcome")
    reload_seconds: Any = _of(
        "api", "reload_seconds", "histogram", "Time to load a state.", "use_case", buckets=MILLISECONDS_TO_SECONDS
    )

    feed_records: Any = _of("feed", "feed_records_total", "counter", "Records taken into live views.", "use_case")
    feed_lag: Any = _of("feed", "feed_lag_records", "gauge", "Records not in live views yet.", "use_case")
    feed_writes: Any = _of("feed", "feed_writes_total", "counter", "Live views written, or not.", "use_case", "outcome")
    feed_bytes: Any = _of("feed", "feed_views_bytes", "gauge", "Size of live views.", "use_case")

    viewers: Any = _of("dashboard", "pages_viewers", "gauge", "Pages that are open.")
    looks: Any = _of("dashboard", "pages_looks_total", "counter", "Looks at the API for all viewers.", "outcome")
    look_seconds: Any = _of(
        "dashboard", "pages_look_seconds", "histogram", "Time of one look.", buckets=MILLISECONDS_TO_SECONDS
    )

    produced: Any = _of("producer", "produced_total", "counter", "Facts written.", "use_case", "kind")
    held_back: Any = _of(
        "producer", "held_back_seconds_total", "counter", "Time spent waiting for the learner.", "use_case"
    )
    produced_until: Any = _of(
        "producer",
        "produced_until_timestamp_seconds",
        "gauge",
        "Newest fact written, in seconds since 1970.",
        "use_case",
    )


SPECS: dict[str, Spec] = {each.name: each.default for each in fields(Catalogue) if isinstance(each.default, Spec)}
"""The declarations, by attribute."""

_REGISTRIES: defaultdict[str, CollectorRegistry] = defaultdict(CollectorRegistry)
ProcessCollector(registry=_REGISTRIES[EVERY])

METRICS = Catalogue(**{name: spec.make() for name, spec in SPECS.items()})
"""The metrics themselves."""


def exposed(part: str) -> bytes:
    """Return what a part shows at `/metrics`, as Prometheus reads it: its own metrics, and those of every part."""
    METRICS.build.labels(part, version("millrace")).set(1)
    return generate_latest(_REGISTRIES[EVERY]) + generate_latest(_REGISTRIES[part])


def value(name: str, labels: dict[str, str] | None = None) -> float | None:
    """Return what a sample is now in this process; `None` where there is none."""
    found = (registry.get_sample_value(name, labels or {}) for registry in list(_REGISTRIES.values()))
    return next((it for it in found if it is not None), None)

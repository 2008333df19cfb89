"""The metric catalogue: every metric is declared once, here. Names follow Prometheus' conventions, units in the name.

Dashboards, alerts and the parts themselves take their metrics from here: `METRICS.predictions.labels(use_case, shard).inc()`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

from prometheus_client import Counter, Gauge, Histogram

Kind = Literal["counter", "gauge", "histogram"]

SHARD = ("use_case", "shard")
MILLISECONDS_TO_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
ANSWER_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


@dataclass(frozen=True)
class Spec:
    """One metric as declared: the parts that show it, and its labels, whose values are few."""

    name: str
    kind: Kind
    help: str
    part: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    def make(self) -> Any:
        """Return the metric itself, registered with Prometheus' client."""
        if self.kind == "histogram":
            return Histogram(self.name, self.help, self.labels, buckets=self.buckets)
        return (Counter if self.kind == "counter" else Gauge)(self.name, self.help, self.labels)


def _trainer(name: str, kind: Kind, text: str, *more: str, buckets: tuple[float, ...] = ()) -> Any:
    return Spec(f"millrace_{name}", kind, text, "trainer", (*SHARD, *more), buckets)


@dataclass(frozen=True)
class Catalogue:
    """Every metric there is."""

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
    stream_time: Any = _trainer("stream_time_seconds", "gauge", "The stream's time, in seconds since 1970.")
    trained_until: Any = _trainer("trained_until_seconds", "gauge", "Newest event learnt from, in seconds since 1970.")
    ledger_entries: Any = _trainer("ledger_entries", "gauge", "Predictions waiting for their label.")
    ledger_bytes: Any = _trainer("ledger_bytes", "gauge", "Size of the waiting predictions.")
    score: Any = _trainer("score", "gauge", "Prequential metric over the recent window.", "candidate", "metric")
    drift_alarms: Any = _trainer("drift_alarms_total", "counter", "Alarms that something has drifted.", "what")
    suspended: Any = _trainer("candidates_suspended", "gauge", "Candidates that raised and are out.")
    epoch: Any = _trainer("epoch", "gauge", "The shard's epoch.")
    journal_offset: Any = _trainer("journal_offset", "gauge", "Offset of the newest journal entry.")
    advancing: Any = _trainer("advancing", "gauge", "1 while the learner advances or has nothing to do, else 0.")
    checkpoint_age: Any = _trainer("checkpoint_age_seconds", "gauge", "Time since the newest durable checkpoint.")
    checkpoint_bytes: Any = _trainer("checkpoint_bytes", "gauge", "Size of the newest checkpoint.")
    checkpoint_pause: Any = _trainer(
        "checkpoint_pause_seconds", "gauge", "How long the newest checkpoint held learning up."
    )
    checkpoint_failures: Any = _trainer("checkpoint_failures", "gauge", "Checkpoints that failed since the start.")
    snapshot_age: Any = _trainer("snapshot_age_seconds", "gauge", "Time since the newest snapshot was published.")
    snapshot_bytes: Any = _trainer("snapshot_bytes", "gauge", "Size of the newest snapshot.")
    registrations: Any = _trainer("registrations", "gauge", "Model versions registered since the start.")
    registration_failures: Any = _trainer(
        "registration_failures", "gauge", "Registrations that failed since the start."
    )
    http_requests: Any = Spec(
        "millrace_http_requests_total", "counter", "Requests answered.", "api", ("route", "status")
    )
    http_seconds: Any = Spec(
        "millrace_http_request_seconds", "histogram", "Time to answer a request.", "api", ("route",), ANSWER_SECONDS
    )
    http_in_flight: Any = Spec("millrace_http_requests_in_flight", "gauge", "Requests being answered.", "api")
    shed: Any = Spec("millrace_http_requests_shed_total", "counter", "Requests refused because too many came.", "api")
    streams: Any = Spec("millrace_streams", "gauge", "Streams of events being served.", "api")
    answers: Any = Spec("millrace_answers_total", "counter", "Answers given.", "api", ("use_case", "serving_from"))
    served_state_age: Any = Spec(
        "millrace_served_state_age_seconds", "gauge", "Time since the served state was loaded.", "api", ("use_case",)
    )
    reloads: Any = Spec("millrace_reloads_total", "counter", "States loaded.", "api", ("use_case", "outcome"))
    reload_seconds: Any = Spec(
        "millrace_reload_seconds", "histogram", "Time to load a state.", "api", ("use_case",), MILLISECONDS_TO_SECONDS
    )
    feed_records: Any = Spec(
        "millrace_feed_records_total", "counter", "Records taken into live views.", "feed", ("use_case",)
    )
    feed_lag: Any = Spec("millrace_feed_lag_records", "gauge", "Records not in live views yet.", "feed", ("use_case",))
    feed_writes: Any = Spec(
        "millrace_feed_writes_total", "counter", "Live views written, or not.", "feed", ("use_case", "outcome")
    )
    feed_bytes: Any = Spec("millrace_feed_views_bytes", "gauge", "Size of live views.", "feed", ("use_case",))
    produced: Any = Spec("millrace_produced_total", "counter", "Facts written.", "producer", ("use_case", "kind"))
    held_back: Any = Spec(
        "millrace_held_back_seconds_total", "counter", "Time spent waiting for the learner.", "producer", ("use_case",)
    )
    produced_until: Any = Spec(
        "millrace_produced_until_seconds",
        "gauge",
        "Time of the newest fact written, in seconds since 1970.",
        "producer",
        ("use_case",),
    )


SPECS: dict[str, Spec] = {each.name: each.default for each in fields(Catalogue) if isinstance(each.default, Spec)}
"""The declarations, by attribute."""

METRICS = Catalogue(**{name: spec.make() for name, spec in SPECS.items()})
"""The metrics themselves."""

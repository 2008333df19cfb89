"""Alerts on what somebody feels: stale answers, refused requests, a learner that stands still. Each has a runbook page."""

from __future__ import annotations

from typing import Any

from observability import foreign
from observability.alert import Alert
from observability.scrape import JOBS
from observability.services import SERVICES

LEARNING = "increase(millrace_batches_total[5m]) > 0"
"""The learner has committed something lately: there is something new to check, save and serve."""

AS_WANTED = """millrace_served_from{serving_from="registered"} == 1
and on (instance, use_case) millrace_served_degraded == 0"""
"""A replica that is told to serve registered versions: they are minutes old, and that is no fault."""

OBJECTIVE = 0.999
"""The share of requests that are to be answered; 0.1 % is the budget for errors of thirty days."""
ASKED = 'route!~"/(livez|readyz|metrics)"'
"""What people and programs ask for; probes are no visitors."""
FAILED = 'status=~"5..|429"'
"""What the one who asked can do nothing about: a fault, not ready, too many."""


def errors(window: str) -> str:
    """Return the share of requests that failed over a window, such as `5m`."""
    failed = f"sum(rate(millrace_http_requests_total{{{ASKED},{FAILED}}}[{window}]))"
    return f"({failed} or vector(0)) / sum(rate(millrace_http_requests_total{{{ASKED}}}[{window}]))"


def burning(speed: float, long: str, short: str) -> str:
    """Return whether the budget burns so many times too fast, over a long window and, to end soon, over a short one."""
    limit = f"{speed * (1 - OBJECTIVE):.4g}"
    return f"({errors(long)}) > {limit}\nand\n({errors(short)}) > {limit}"


PLATFORM = [
    Alert(
        "MillracePartDown",
        f'up{{job=~"{"|".join(JOBS.values())}"}} == 0',
        "2m",
        "critical",
        "{{ $labels.job }} at {{ $labels.instance }} does not answer",
        "Prometheus has had no answer from it for two minutes: it is down, or starting again and again.",
    ),
    Alert(
        "MillraceNothingLearns",
        f'absent(up{{job="{JOBS["trainer"]}"}})',
        "5m",
        "critical",
        "there is no trainer",
        "Prometheus knows of no trainer at all. Nothing is learnt; what is served grows old.",
    ),
    Alert(
        "MillracePartNotReady",
        "millrace_part_ready == 0",
        "5m",
        "warning",
        "{{ $labels.job }} at {{ $labels.instance }} is not ready",
        "It runs and does not do what it is for; its /readyz says why, and since when.",
    ),
]

LEARNER = [
    Alert(
        "MillraceLearnerNotAdvancing",
        "(millrace_consumer_lag_records > 0 and increase(millrace_batches_total[5m]) == 0)\nor\nmillrace_advancing == 0",
        "2m",
        "critical",
        "{{ $labels.use_case }} learns nothing",
        "Records wait and none is committed, or the learner says itself that it cannot go on.",
    ),
    Alert(
        "MillraceLearnerFallingBehind",
        "millrace_consumer_lag_records > 10000 and deriv(millrace_consumer_lag_records[15m]) > 0",
        "15m",
        "warning",
        "{{ $labels.use_case }} falls behind: {{ $value | humanize }} records wait",
        "More comes in than is learnt. Predictions come later and later.",
    ),
    Alert(
        "MillraceDeadLetters",
        "sum by (use_case) (rate(millrace_dead_letters_total[15m]))\n/\n"
        "(sum by (use_case) (rate(millrace_dead_letters_total[15m]))"
        ' + sum by (use_case) (rate(millrace_facts_total{outcome=~"events|labels"}[15m]))) > 0.01',
        "5m",
        "warning",
        "{{ $value | humanizePercentage }} of {{ $labels.use_case }}'s records cannot be used",
        "More than one record in a hundred becomes a dead letter. What they say is not learnt.",
    ),
    Alert(
        "MillraceDrift",
        "sum by (use_case, what) (increase(millrace_drift_alarms_total[1h])) > 0",
        "0m",
        "info",
        "{{ $labels.use_case }}: drift in its {{ $labels.what }}s",
        "The stream, or how well it is foreseen, has changed within the last hour.",
    ),
    Alert(
        "MillraceWorseThanBaseline",
        "millrace_champion_gain_ratio < 0",
        "1h",
        "warning",
        "{{ $labels.use_case }}: a naive rule beats the champion by {{ $value | humanizePercentage }}",
        "For an hour the best baseline has had the better score over the recent window.",
    ),
    Alert(
        "MillraceCandidateSuspended",
        "millrace_candidates_suspended > 0",
        "1m",
        "warning",
        "{{ $labels.use_case }}: {{ $value }} of its candidates are suspended",
        "A model raised, or predicted no number, and is out until a new epoch.",
    ),
    Alert(
        "MillraceLedgerFull",
        'increase(millrace_facts_total{outcome="ledger_skipped"}[15m]) > 0',
        "5m",
        "warning",
        "{{ $labels.use_case }}: the ledger is full",
        "Some predictions are not remembered until their label comes, so nothing is learnt from them.",
    ),
]

SERVING = [
    Alert(
        "MillraceAnswersStale",
        "millrace_served_state_age_seconds > 30\nand on (use_case)\n"
        f"sum by (use_case) ({LEARNING.removesuffix(' > 0')}) > 0\n"
        f"unless on (instance, use_case)\n({AS_WANTED})",
        "1m",
        "critical",
        "answers for {{ $labels.use_case }} come from a state of {{ $value | humanizeDuration }} ago",
        "The trainer goes on learning, and this replica serves none of it.",
    ),
    Alert(
        "MillraceAnswersDegraded",
        "millrace_served_degraded == 1",
        "5m",
        "warning",
        "answers for {{ $labels.use_case }} are degraded",
        "They come from another source than was wanted, or may not be the newest; each answer says why.",
    ),
    Alert(
        "MillraceErrorBudgetBurnsFast",
        burning(14.4, "1h", "5m"),
        "2m",
        "critical",
        "{{ $value | humanizePercentage }} of requests fail",
        "At this rate the error budget of thirty days is gone in two days; 2 % of it went within the hour.",
    ),
    Alert(
        "MillraceErrorBudgetBurns",
        burning(6, "6h", "30m"),
        "15m",
        "warning",
        "{{ $value | humanizePercentage }} of requests fail",
        "At this rate the error budget of thirty days is gone in five days; 5 % of it went within six hours.",
    ),
    Alert(
        "MillraceAnswersSlow",
        "histogram_quantile(0.99, sum by (le) (rate(millrace_http_request_seconds_bucket"
        '{route=~".*/predict"}[5m]))) > 0.25',
        "10m",
        "warning",
        "one answer in a hundred takes longer than {{ $value | humanizeDuration }}",
        "Those who ask for predictions wait.",
    ),
    Alert(
        "MillraceLiveViewsOld",
        'millrace_feed_lag_records > 10000\nor\nrate(millrace_feed_writes_total{outcome="failed"}[5m]) > 0',
        "10m",
        "warning",
        "live views of {{ $labels.use_case }} are behind",
        "The feed cannot keep up with the log, or cannot write to the online store; the pages show old windows.",
    ),
    Alert(
        "MillracePagesBlind",
        'rate(millrace_pages_looks_total{outcome="failed"}[5m]) > 0 and ignoring (outcome) '
        'rate(millrace_pages_looks_total{outcome="answered"}[5m]) == 0',
        "5m",
        "warning",
        "the pages get no answer from the API",
        "Who looks at the pages sees what was known before.",
    ),
]

STORAGE = [
    Alert(
        "MillraceCheckpointOld",
        f"millrace_checkpoint_age_seconds > 300 and {LEARNING}",
        "2m",
        "critical",
        "{{ $labels.use_case }}: the newest checkpoint is {{ $value | humanizeDuration }} old",
        "Learning goes on and is not made durable. A restart would learn all of it again, from the log.",
    ),
    Alert(
        "MillraceCheckpointsFail",
        'increase(millrace_checkpoints_total{outcome="failed"}[15m]) >= 3',
        "1m",
        "warning",
        "{{ $labels.use_case }}: checkpoints fail",
        "The object store refused several of them within a quarter of an hour.",
    ),
    Alert(
        "MillraceRegistryBehind",
        f"millrace_registration_age_seconds > 1800 and {LEARNING}",
        "5m",
        "warning",
        "{{ $labels.use_case }}: the newest model version is {{ $value | humanizeDuration }} old",
        "MLflow does not get the versions it should. Live answers are not touched; registered ones are old.",
    ),
]

CLUSTER = [
    Alert(
        "MillracePodRestarting",
        f"increase(kube_pod_container_status_restarts_total{{{foreign.OURS}}}[30m]) > 3",
        "5m",
        "warning",
        "{{ $labels.pod }} restarts again and again",
        "Its container {{ $labels.container }} ended more than three times within half an hour.",
    ),
    Alert(
        "MillraceMemoryNearLimit",
        f'sum by (namespace, pod, container) (container_memory_working_set_bytes{{{foreign.OURS},container!=""}})\n/\n'
        f'sum by (namespace, pod, container) (kube_pod_container_resource_limits{{{foreign.OURS},resource="memory"}}) > 0.9',
        "10m",
        "warning",
        "{{ $labels.pod }} uses {{ $value | humanizePercentage }} of its memory",
        "At its limit it is killed, and starts again from its last checkpoint.",
    ),
    Alert(
        "MillraceVolumeFilling",
        f"kubelet_volume_stats_available_bytes{{{foreign.CLAIMS}}}"
        f" / kubelet_volume_stats_capacity_bytes{{{foreign.CLAIMS}}} < 0.1",
        "10m",
        "warning",
        "{{ $labels.persistentvolumeclaim }} is nearly full",
        "Less than a tenth of it is free. A log or an object store that is full refuses writes.",
    ),
]

GROUPS = {
    "millrace-platform": PLATFORM,
    "millrace-learner": LEARNER,
    "millrace-serving": SERVING,
    "millrace-storage": STORAGE,
    "millrace-services": SERVICES,
    "millrace-cluster": CLUSTER,
}
"""The alerts by rule group."""

ALERTS = [alert for group in GROUPS.values() for alert in group]
"""All of them."""


def rules() -> dict[str, Any]:
    """Return the rule file."""
    return {"groups": [{"name": name, "rules": [it.rule() for it in group]} for name, group in GROUPS.items()]}

"""For each alert: series under which it fires, and series, as near to those as can be, under which it keeps quiet.

Values are Prometheus' own shorthand, one each half minute: `7+0x400` stays at 7, `0+5x400` grows by 5.
"""

from __future__ import annotations

from typing import NamedTuple

Series = dict[str, str]

SHARD = 'job="millrace-trainer",use_case="parcels",shard="0"'
API = 'job="millrace-api",instance="a"'
ROUTE = "/v1/use-cases/{use_case}/predict"
POD = 'namespace="ml",pod="my-millrace-trainer-0",container="trainer"'
CLAIM = 'namespace="ml",persistentvolumeclaim="data-my-millrace-kafka-0"'
OTHER = 'namespace="ml",pod="somebody-elses",container="web"'
STEADY, IDLE = "0+5x400", "9+0x400"


class Case(NamedTuple):
    """One alert's two worlds."""

    fires: Series
    quiet: Series


def trainer(name: str, values: str, more: str = "") -> Series:
    return {f"millrace_{name}{{{SHARD}{more}}}": values}


def requests(good: str, bad: str, status: str = "503") -> Series:
    route = f'{API},route="{ROUTE}"'
    return {
        f'millrace_http_requests_total{{{route},status="200"}}': good,
        f'millrace_http_requests_total{{{route},status="{status}"}}': bad,
    }


def answered_within(below: str, above: str) -> Series:
    """Return a histogram: how many answers took below a tenth of a second, and how many took a whole one, in each step."""
    bucket = f'millrace_http_request_seconds_bucket{{{API},route="{ROUTE}",le='
    return {f'{bucket}"0.1"}}': below, f'{bucket}"0.5"}}': below, f'{bucket}"1.0"}}': above, f'{bucket}"+Inf"}}': above}


def served(source: str, degraded: int) -> Series:
    """Return a replica that has loaded nothing for hours, and where what it serves comes from."""
    where = f'{API},use_case="parcels"'
    return {
        f"millrace_served_state_age_seconds{{{where}}}": "0+30x400",
        f'millrace_served_from{{{where},serving_from="{source}"}}': "1+0x400",
        f"millrace_served_degraded{{{where}}}": f"{degraded}+0x400",
    }


def looks(failed: str, answered: str) -> Series:
    return {
        f'millrace_pages_looks_total{{job="millrace-dashboard",outcome="{outcome}"}}': values
        for outcome, values in (("failed", failed), ("answered", answered))
    }


def volume(available: str, claim: str = CLAIM) -> Series:
    return {
        f"kubelet_volume_stats_available_bytes{{{claim}}}": available,
        f"kubelet_volume_stats_capacity_bytes{{{claim}}}": "100+0x400",
    }


def memory(used: str, pod: str = POD) -> Series:
    return {
        f"container_memory_working_set_bytes{{{pod}}}": used,
        f'kube_pod_container_resource_limits{{{pod},resource="memory"}}': "100+0x400",
    }


def learning(steadily: bool = True) -> Series:
    return trainer("batches_total", STEADY if steadily else IDLE)


def dead(letters: str) -> Series:
    facts = trainer("facts_total", "0+1000x400", ',outcome="events"') | trainer(
        "facts_total", "0+900x400", ',outcome="labels"'
    )
    return trainer("dead_letters_total", letters, ',reason="invalid"') | facts


REDIS, STORE, LOG = 'job="millrace-redis"', 'job="millrace-minio",server="a"', 'job="millrace-kafka",instance="a"'


def copies_missing(values: str) -> Series:
    name = "kafka_topic_partition_under_replicated_partition"
    return {
        f'{name}{{{LOG},topic="a.events",partition="0"}}': values,
        f'{name}{{{LOG},topic="a.events",partition="1"}}': "0+0x400",
    }


def room(free: str) -> Series:
    return {
        f"minio_cluster_capacity_usable_free_bytes{{{STORE}}}": free,
        f"minio_cluster_capacity_usable_total_bytes{{{STORE}}}": "100+0x400",
    }


def memory_of_redis(used: str, cap: int, job: str = REDIS) -> Series:
    return {f"redis_memory_used_bytes{{{job}}}": used, f"redis_memory_max_bytes{{{job}}}": f"{cap}+0x400"}


def registry(good: str, bad: str, status: str = "500") -> Series:
    return {
        f'mlflow_http_request_total{{job="millrace-mlflow",method="POST",status="{it}"}}': values
        for it, values in (("200", good), (status, bad))
    }


CASES = {
    "MillracePartDown": Case(
        fires={'up{job="millrace-api",instance="a"}': "1+0x340 0+0x60"},
        quiet={'up{job="millrace-api",instance="a"}': "1+0x400", 'up{job="another",instance="a"}': "0+0x400"},
    ),
    "MillraceNothingLearns": Case(
        fires={'up{job="millrace-api",instance="a"}': "1+0x400"},
        quiet={'up{job="millrace-trainer",instance="a"}': "1+0x400"},
    ),
    "MillracePartNotReady": Case(
        fires={'millrace_part_ready{job="millrace-feed",instance="a"}': "0+0x400"},
        quiet={'millrace_part_ready{job="millrace-feed",instance="a"}': "1+0x352 0+0x5 1+0x40"},
    ),
    "MillraceLearnerNotAdvancing": Case(
        fires=trainer("consumer_lag_records", "40+0x400") | learning(False) | trainer("advancing", "1+0x400"),
        quiet=trainer("consumer_lag_records", "0+0x400") | learning(False) | trainer("advancing", "1+0x400"),
    ),
    "MillraceLearnerFallingBehind": Case(
        fires=trainer("consumer_lag_records", "0+500x400"),
        quiet=trainer("consumer_lag_records", "200000-500x400"),
    ),
    "MillraceDeadLetters": Case(fires=dead("0+100x400"), quiet=dead("0+10x400")),
    "MillraceDrift": Case(
        fires=trainer("drift_alarms_total", "0+0x300 1+0x100", ',what="error"'),
        quiet=trainer("drift_alarms_total", "0+0x60 1+0x340", ',what="error"'),
    ),
    "MillraceWorseThanBaseline": Case(
        fires=trainer("champion_gain_ratio", "-0.02+0x400"),
        quiet=trainer("champion_gain_ratio", "0.2+0x300 -0.02+0x100"),
    ),
    "MillraceCandidateSuspended": Case(
        fires=trainer("candidates_suspended", "1+0x400"), quiet=trainer("candidates_suspended", "0+0x400")
    ),
    "MillraceLedgerFull": Case(
        fires=trainer("facts_total", STEADY, ',outcome="ledger_skipped"'),
        quiet=trainer("facts_total", IDLE, ',outcome="ledger_skipped"')
        | trainer("facts_total", STEADY, ',outcome="events"'),
    ),
    "MillraceAnswersStale": Case(
        fires=served("registered", 1) | learning(), quiet=served("registered", 0) | learning()
    ),
    "MillraceAnswersDegraded": Case(
        fires={f'millrace_served_degraded{{{API},use_case="parcels"}}': "1+0x400"},
        quiet={f'millrace_served_degraded{{{API},use_case="parcels"}}': "0+0x400"},
    ),
    "MillraceErrorBudgetBurnsFast": Case(
        fires=requests("0+98x400", "0+2x400"), quiet=requests("0+98x400", "0+2x330 660+0x70")
    ),
    "MillraceErrorBudgetBurns": Case(
        fires=requests("0+99x400", "0+1x400", "429"), quiet=requests("0+99x400", "0+1x400", "422")
    ),
    "MillraceAnswersSlow": Case(
        fires=answered_within("0+90x400", "0+100x400"), quiet=answered_within("0+999x400", "0+1000x400")
    ),
    "MillraceLiveViewsOld": Case(
        fires={'millrace_feed_lag_records{job="millrace-feed",use_case="parcels"}': "20000+0x400"},
        quiet={'millrace_feed_lag_records{job="millrace-feed",use_case="parcels"}': "300+0x400"},
    ),
    "MillracePagesBlind": Case(fires=looks(STEADY, IDLE), quiet=looks(STEADY, STEADY)),
    "MillraceCheckpointOld": Case(
        fires=trainer("checkpoint_age_seconds", "0+30x400") | learning(),
        quiet=trainer("checkpoint_age_seconds", "0+30x400") | learning(False),
    ),
    "MillraceCheckpointsFail": Case(
        fires=trainer("checkpoints_total", "0+1x400", ',outcome="failed"'),
        quiet=trainer("checkpoints_total", "0+0x350 1+0x50", ',outcome="failed"')
        | trainer("checkpoints_total", "0+1x400", ',outcome="written"'),
    ),
    "MillraceRegistryBehind": Case(
        fires=trainer("registration_age_seconds", "0+30x400") | learning(),
        quiet=trainer("registration_age_seconds", "300+0x400") | learning(),
    ),
    "MillraceServiceDown": Case(
        fires={'up{job="millrace-redis",instance="a"}': "1+0x400", f"redis_up{{{REDIS}}}": "1+0x300 0+0x100"},
        quiet={'up{job="millrace-minio",instance="a"}': "1+0x352 0+0x7 1+0x40", 'up{job="redis"}': "0+0x400"},
    ),
    "MillraceBrokerDown": Case(
        fires={f"kafka_brokers{{{LOG}}}": "3+0x300 2+0x100"},
        quiet={f"kafka_brokers{{{LOG}}}": "1+0x100 3+0x300", 'kafka_brokers{job="another"}': "3+0x300 2+0x100"},
    ),
    "MillraceUnderReplicated": Case(
        fires=copies_missing("0+0x300 1+0x100"), quiet=copies_missing("0+0x350 1+0x8 0+0x50")
    ),
    "MillraceOnlineStoreNearlyFull": Case(
        fires=memory_of_redis("95+0x400", 100),
        quiet=memory_of_redis("95+0x400", 0) | memory_of_redis("95+0x400", 100, 'job="redis"'),
    ),
    "MillraceObjectStoreNearlyFull": Case(fires=room("8+0x400"), quiet=room("12+0x400")),
    "MillraceRegistryErrors": Case(fires=registry("0+9x400", "0+1x400"), quiet=registry("0+9x400", "0+1x400", "404")),
    "MillracePodRestarting": Case(
        fires={f"kube_pod_container_status_restarts_total{{{POD}}}": "0+0x300 0+1x100"},
        quiet={
            f"kube_pod_container_status_restarts_total{{{POD}}}": "0+0x350 1+0x50",
            f"kube_pod_container_status_restarts_total{{{OTHER}}}": "0+1x400",
        },
    ),
    "MillraceMemoryNearLimit": Case(fires=memory("95+0x400"), quiet=memory("60+0x400") | memory("95+0x400", OTHER)),
    "MillraceVolumeFilling": Case(
        fires=volume("5+0x400"), quiet=volume("40+0x400") | volume("5+0x400", CLAIM.replace("millrace", "other"))
    ),
}

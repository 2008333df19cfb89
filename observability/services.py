"""Alerts on what the platform leans on: brokers, the online store, the object store, MLflow. Their own exporters tell."""

from __future__ import annotations

from observability.alert import Alert
from observability.foreign import KAFKA_JOB, MINIO_JOB, MLFLOW_JOB, REDIS_JOB
from observability.scrape import BESIDE

MLFLOW_ANSWERS = f"sum(rate(mlflow_http_request_total{{{MLFLOW_JOB}}}[15m]))"
MLFLOW_ERRORS = f'sum(rate(mlflow_http_request_total{{{MLFLOW_JOB},status=~"5.."}}[15m]))'

SERVICES = [
    Alert(
        "MillraceServiceDown",
        f'up{{job=~"{"|".join(BESIDE.values())}"}} == 0\nor\nredis_up{{{REDIS_JOB}}} == 0',
        "5m",
        "warning",
        "{{ $labels.job }} at {{ $labels.instance }} does not answer",
        "A service that the platform leans on, or what tells its figures, has been silent for five minutes.",
    ),
    Alert(
        "MillraceBrokerDown",
        f"max(kafka_brokers{{{KAFKA_JOB}}}) < max(max_over_time(kafka_brokers{{{KAFKA_JOB}}}[6h]))",
        "5m",
        "warning",
        "Kafka has {{ $value }} brokers, and had more",
        "A broker has left within the last six hours. With three, one may be away; the next one stops all writing.",
    ),
    Alert(
        "MillraceUnderReplicated",
        f"sum by (topic) (kafka_topic_partition_under_replicated_partition{{{KAFKA_JOB}}}) > 0",
        "10m",
        "warning",
        "{{ $value }} partitions of {{ $labels.topic }} lack a copy",
        "Copies are missing for ten minutes. One more broker away, and this topic cannot be written.",
    ),
    Alert(
        "MillraceOnlineStoreNearlyFull",
        f"redis_memory_used_bytes{{{REDIS_JOB}}} / (redis_memory_max_bytes{{{REDIS_JOB}}} > 0) > 0.9",
        "5m",
        "warning",
        "the online store is {{ $value | humanizePercentage }} full",
        "At its cap it refuses snapshots and live views, and answers grow old.",
    ),
    Alert(
        "MillraceObjectStoreNearlyFull",
        f"minio_cluster_capacity_usable_free_bytes{{{MINIO_JOB}}}"
        f" / minio_cluster_capacity_usable_total_bytes{{{MINIO_JOB}}} < 0.1",
        "10m",
        "warning",
        "{{ $value | humanizePercentage }} of the object store is free",
        "Full, it refuses checkpoints: learning goes on and is not made durable.",
    ),
    Alert(
        "MillraceRegistryErrors",
        f"({MLFLOW_ERRORS} or vector(0)) / {MLFLOW_ANSWERS} > 0.05",
        "10m",
        "warning",
        "{{ $value | humanizePercentage }} of MLflow's answers are errors",
        "Versions are not registered and aliases not read, now and then or at all. Live answers are not touched.",
    ),
]

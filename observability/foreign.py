"""The second catalogue: metrics that others expose and that our queries use, each with its source and why it is used."""

from __future__ import annotations

from dataclasses import dataclass

from observability.scrape import BESIDE

OURS = 'pod=~".*millrace.*"'
"""Selects our pods; the chart's names begin with the release's and have `millrace` in them."""
CLAIMS = 'persistentvolumeclaim=~".*millrace.*"'
"""Selects our volumes."""
KAFKA_JOB, REDIS_JOB, MINIO_JOB, MLFLOW_JOB = (
    f'job="{BESIDE[name]}"' for name in ("kafka", "redis", "minio", "mlflow")
)
"""Selects the services that the platform leans on; a cluster has others of their kind."""


@dataclass(frozen=True)
class Source:
    """Who exposes, and when that is there."""

    name: str
    where: str
    anywhere: bool = False


PROMETHEUS = Source("Prometheus", "Prometheus itself makes it for each target", anywhere=True)
CLIENT = Source("prometheus-client", "every part of ours, on Linux", anywhere=True)
STATE = Source("kube-state-metrics", "Kubernetes only")
CADVISOR = Source("cAdvisor", "Kubernetes only: each kubelet's /metrics/cadvisor")
KUBELET = Source("kubelet", "Kubernetes only: each kubelet's /metrics")
KAFKA = Source("kafka_exporter", "in the cluster, for any Kafka; the embedded log has none")
REDIS = Source("redis_exporter", "in the cluster, beside the chart's Valkey; where another's runs")
MINIO = Source("MinIO", "where MinIO is the object store")
MLFLOW = Source("MLflow", "in the cluster; where its server is started with --expose-prometheus")


TELLERS = {BESIDE["kafka"]: KAFKA, BESIDE["redis"]: REDIS, BESIDE["minio"]: MINIO, BESIDE["mlflow"]: MLFLOW}
"""Who answers under each of those jobs."""


@dataclass(frozen=True)
class Foreign:
    """One metric that is not ours. `labels` are those that queries use."""

    name: str
    source: Source
    why: str
    labels: tuple[str, ...] = ()


_POD = ("namespace", "pod", "container")
_TOPIC = ("topic", "partition")

METRICS = [
    Foreign("up", PROMETHEUS, "a part that does not answer", ("job", "instance")),
    Foreign("process_resident_memory_bytes", CLIENT, "memory by part", ("job", "instance")),
    Foreign("process_cpu_seconds_total", CLIENT, "processor time by part", ("job", "instance")),
    Foreign("container_cpu_usage_seconds_total", CADVISOR, "processor time by pod", _POD),
    Foreign("container_memory_working_set_bytes", CADVISOR, "memory that counts against the limit", _POD),
    Foreign("container_network_receive_bytes_total", CADVISOR, "traffic in", _POD),
    Foreign("container_network_transmit_bytes_total", CADVISOR, "traffic out", _POD),
    Foreign("kube_pod_container_status_restarts_total", STATE, "containers that end and start again", _POD),
    Foreign("kube_pod_container_resource_limits", STATE, "how near to its limit a container is", (*_POD, "resource")),
    Foreign("kube_pod_status_phase", STATE, "pods that do not run", ("namespace", "pod", "phase")),
    Foreign("kubelet_volume_stats_available_bytes", KUBELET, "room on volumes", ("persistentvolumeclaim",)),
    Foreign("kubelet_volume_stats_capacity_bytes", KUBELET, "size of volumes", ("persistentvolumeclaim",)),
    Foreign("kafka_brokers", KAFKA, "brokers that answer"),
    Foreign("kafka_topic_partitions", KAFKA, "partitions by topic", ("topic",)),
    Foreign("kafka_topic_partition_current_offset", KAFKA, "records written, by topic", _TOPIC),
    Foreign("kafka_topic_partition_under_replicated_partition", KAFKA, "partitions with too few copies", _TOPIC),
    Foreign("kafka_consumergroup_lag", KAFKA, "what each group has not read", ("consumergroup", *_TOPIC)),
    Foreign("redis_up", REDIS, "whether the online store answers"),
    Foreign("redis_memory_used_bytes", REDIS, "memory of the online store"),
    Foreign("redis_memory_max_bytes", REDIS, "the cap on it: beyond, writes are refused"),
    Foreign("redis_commands_processed_total", REDIS, "commands a second"),
    Foreign("redis_connected_clients", REDIS, "who is connected"),
    Foreign("minio_cluster_capacity_usable_free_bytes", MINIO, "room in the object store"),
    Foreign("minio_cluster_capacity_usable_total_bytes", MINIO, "size of the object store"),
    Foreign("minio_s3_requests_total", MINIO, "requests to the object store", ("api",)),
    Foreign("minio_s3_requests_errors_total", MINIO, "requests it refused", ("api",)),
    Foreign("mlflow_http_request_total", MLFLOW, "requests to MLflow", ("method", "status")),
    Foreign("mlflow_http_request_duration_seconds_bucket", MLFLOW, "how long MLflow takes", ("le", "method", "status")),
]

FOREIGN = {it.name: it for it in METRICS}
"""They by name."""

"""Is what was learnt durable, registered, and is there room for more?"""

from __future__ import annotations

from observability.panels import RATE, Board, line

UC = '{use_case=~"$use_case"}'

DASHBOARD = Board(
    "millrace-storage",
    "Millrace / Storage",
    "Checkpoint age, size, failures; MLflow, the object store, the online store.",
    {
        "Checkpoints": [
            line(
                "Checkpoint age",
                "Time since the newest durable one.",
                {"{{use_case}}": f"millrace_checkpoint_age_seconds{UC}"},
                unit="seconds",
            ),
            line("Checkpoint size", "Of the newest.", {"{{use_case}}": f"millrace_checkpoint_bytes{UC}"}, unit="bytes"),
            line(
                "Checkpoints",
                "Written and failed in an hour.",
                {
                    "{{use_case}} {{outcome}}": f"sum by (use_case, outcome) (increase(millrace_checkpoints_total{UC}[1h]))"
                },
            ),
            line(
                "Pause of learning by a checkpoint",
                "The newest; 50 ms is the aim at 100 MB.",
                {"{{use_case}}": f"millrace_checkpoint_pause_seconds{UC}"},
                unit="seconds",
            ),
            line(
                "Snapshot size",
                "For serving, in the online store.",
                {"{{use_case}}": f"millrace_snapshot_bytes{UC}"},
                unit="bytes",
            ),
            line(
                "Snapshot age",
                "Time since the newest.",
                {"{{use_case}}": f"millrace_snapshot_age_seconds{UC}"},
                unit="seconds",
            ),
        ],
        "MLflow": [
            line(
                "Registration age",
                "Time since a model version was registered.",
                {"{{use_case}}": f"millrace_registration_age_seconds{UC}"},
                unit="seconds",
            ),
            line(
                "Registrations",
                "Done and failed in an hour.",
                {
                    "{{use_case}} {{outcome}}": f"sum by (use_case, outcome) (increase(millrace_registrations_total{UC}[1h]))"
                },
            ),
            line(
                "MLflow requests/s",
                "By status.",
                {"{{status}}": f"sum by (status) (rate(mlflow_http_request_total[{RATE}]))"},
                unit="per second",
            ),
            line(
                "MLflow latency p99",
                "Of all its requests.",
                {
                    "p99": f"histogram_quantile(0.99, sum by (le) (rate(mlflow_http_request_duration_seconds_bucket[{RATE}])))"
                },
                unit="seconds",
            ),
        ],
        "Object store (MinIO)": [
            line(
                "Free",
                "Share of the room that is free.",
                {"free": "minio_cluster_capacity_usable_free_bytes / minio_cluster_capacity_usable_total_bytes"},
                unit="ratio",
            ),
            line(
                "Requests/s",
                "By kind.",
                {"{{api}}": f"sum by (api) (rate(minio_s3_requests_total[{RATE}]))"},
                unit="per second",
            ),
            line(
                "Errors/s",
                "By kind.",
                {"{{api}}": f"sum by (api) (rate(minio_s3_requests_errors_total[{RATE}]))"},
                unit="per second",
            ),
        ],
        "Online store (Redis, Valkey)": [
            line(
                "Memory",
                "Used, and the cap on it; full, it refuses snapshots.",
                {"used": "redis_memory_used_bytes", "cap": "redis_memory_max_bytes"},
                unit="bytes",
            ),
            line(
                "Commands/s",
                "Processed.",
                {"{{instance}}": f"rate(redis_commands_processed_total[{RATE}])"},
                unit="per second",
            ),
            line("Clients", "Connected.", {"{{instance}}": "redis_connected_clients"}),
        ],
    },
    {"use_case": "millrace_predictions_total"},
)

"""Is what was learnt durable, registered, and is there room for more?"""

from __future__ import annotations

from observability.foreign import MINIO_JOB, MLFLOW_JOB, REDIS_JOB
from observability.panels import RATE, Board, line
from observability.services import MLFLOW_ANSWERS, MLFLOW_ERRORS

UC = '{use_case=~"$use_case"}'
MLFLOW_TIMES = f"rate(mlflow_http_request_duration_seconds_bucket{{{MLFLOW_JOB}}}[15m])"  # it is asked at registrations
FREE = f"""minio_cluster_capacity_usable_free_bytes{{{MINIO_JOB}}}
/ minio_cluster_capacity_usable_total_bytes{{{MINIO_JOB}}}"""

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
                {"{{status}}": f"sum by (status) (rate(mlflow_http_request_total{{{MLFLOW_JOB}}}[{RATE}]))"},
                unit="per second",
            ),
            line(
                "MLflow latency p99",
                "Of all its requests in a quarter of an hour.",
                {"p99": f"histogram_quantile(0.99, sum by (le) ({MLFLOW_TIMES}))"},
                unit="seconds",
            ),
            line(
                "MLflow errors",
                "Share of its answers that are errors of its own (5xx), in a quarter of an hour.",
                {"errors": f"({MLFLOW_ERRORS} or vector(0)) / {MLFLOW_ANSWERS}"},
                unit="ratio",
            ),
        ],
        "Object store (MinIO)": [
            line(
                "Free",
                "Share of the room that is free.",
                {"free": FREE},
                unit="ratio",
            ),
            line(
                "Requests/s",
                "By kind.",
                {"{{api}}": f"sum by (api) (rate(minio_s3_requests_total{{{MINIO_JOB}}}[{RATE}]))"},
                unit="per second",
            ),
            line(
                "Errors/s",
                "By kind.",
                {"{{api}}": f"sum by (api) (rate(minio_s3_requests_errors_total{{{MINIO_JOB}}}[{RATE}]))"},
                unit="per second",
            ),
        ],
        "Online store (Redis, Valkey)": [
            line(
                "Memory",
                "Used, and the cap on it; full, it refuses snapshots.",
                {"used": f"redis_memory_used_bytes{{{REDIS_JOB}}}", "cap": f"redis_memory_max_bytes{{{REDIS_JOB}}}"},
                unit="bytes",
            ),
            line(
                "Commands/s",
                "Processed.",
                {"{{instance}}": f"rate(redis_commands_processed_total{{{REDIS_JOB}}}[{RATE}])"},
                unit="per second",
            ),
            line("Clients", "Connected.", {"{{instance}}": f"redis_connected_clients{{{REDIS_JOB}}}"}),
            line("Answers", "1 while it answers its exporter.", {"{{instance}}": f"redis_up{{{REDIS_JOB}}}"}),
        ],
    },
    {"use_case": "millrace_predictions_total"},
)

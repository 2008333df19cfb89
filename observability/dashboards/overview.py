"""Is it healthy? One look."""

from __future__ import annotations

from observability.alerts import errors
from observability.panels import RATE, Board, Panel, Unit, line
from observability.scrape import JOBS

UC = '{use_case=~"$use_case"}'
OURS = f'job=~"{"|".join(JOBS.values())}"'


def number(
    title: str, about: str, query: str, unit: Unit = "", warn: float | None = None, bad: float | None = None
) -> Panel:
    """Return a panel with the newest value of one query."""
    return Panel(title, about, {title: query}, unit, "number", 4, warn, bad)


HEALTH = [
    number(
        "Parts up",
        "Share of the parts that answer Prometheus.",
        f"avg(up{{{OURS}}})",
        "ratio",
        1,
        0.99,
    ),
    number(
        "Parts ready", "Share of the parts that do what they are for.", "avg(millrace_part_ready)", "ratio", 1, 0.99
    ),
    number(
        "State age",
        "How old the oldest served state is; 2.5 s is promised while there is news.",
        f"max(millrace_served_state_age_seconds{UC})",
        "seconds",
        5,
        30,
    ),
    number(
        "Consumer lag",
        "Records of events and labels not learnt yet.",
        f"sum(millrace_consumer_lag_records{UC})",
        "",
        1000,
        10000,
    ),
    number("Failed requests", "Share of requests that failed in five minutes.", errors("5m"), "ratio", 0.001, 0.0144),
    number(
        "Checkpoint age",
        "Time since the oldest of the newest checkpoints.",
        f"max(millrace_checkpoint_age_seconds{UC})",
        "seconds",
        120,
        300,
    ),
    number(
        "Predictions/s",
        "Predictions made and committed a second.",
        f"sum(rate(millrace_predictions_total{UC}[{RATE}]))",
        "per second",
    ),
    number(
        "Training samples/s",
        "Labels learnt from a second.",
        f"sum(rate(millrace_training_samples_total{UC}[{RATE}]))",
        "per second",
    ),
    number(
        "Answers/s",
        "Answers given to callers a second.",
        f"sum(rate(millrace_answers_total{UC}[{RATE}])) or vector(0)",
        "per second",
    ),
    number(
        "Dead letters",
        "Records of the last hour that could not be used.",
        f"sum(increase(millrace_dead_letters_total{UC}[1h]))",
        "",
        1,
        100,
    ),
    number(
        "Drift alarms", "Alarms of the last hour.", f"sum(increase(millrace_drift_alarms_total{UC}[1h]))", "", 1, 10
    ),
    number(
        "Champion against baseline",
        "How much better the champion is than the best naive rule, recently.",
        f"min(millrace_champion_gain_ratio{UC})",
        "ratio",
        0.02,
        0,
    ),
]

DASHBOARD = Board(
    "millrace-overview",
    "Millrace / Overview",
    "Is it healthy? One look.",
    {
        "Health": HEALTH,
        "Flow": [
            line(
                "Predictions/s by use case",
                "Made and committed.",
                {"{{use_case}}": f"sum by (use_case) (rate(millrace_predictions_total{UC}[{RATE}]))"},
                unit="per second",
            ),
            line(
                "Training samples/s by use case",
                "Labels learnt from.",
                {"{{use_case}}": f"sum by (use_case) (rate(millrace_training_samples_total{UC}[{RATE}]))"},
                unit="per second",
            ),
            line(
                "Consumer lag by use case",
                "Records not learnt yet.",
                {"{{use_case}}": f"sum by (use_case) (millrace_consumer_lag_records{UC})"},
            ),
        ],
        "Parts": [
            line(
                "Memory by part",
                "Resident size of each process.",
                {"{{job}} {{instance}}": f"process_resident_memory_bytes{{{OURS}}}"},
                unit="bytes",
            ),
            line(
                "CPU by part",
                "Cores used.",
                {"{{job}} {{instance}}": f"rate(process_cpu_seconds_total{{{OURS}}}[{RATE}])"},
            ),
            line(
                "Releases",
                "Which release each part runs; two during an upgrade.",
                {"{{part}} {{version}}": "count by (part, version) (millrace_build_info)"},
            ),
        ],
    },
    {"use_case": "millrace_predictions_total"},
)

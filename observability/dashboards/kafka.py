"""What flows through the log, and what waits in it."""

from __future__ import annotations

from observability.foreign import KAFKA_JOB
from observability.panels import RATE, Board, line

UC = '{use_case=~"$use_case"}'

AHEAD = f"""max by (use_case) (millrace_produced_until_timestamp_seconds{UC})
- max by (use_case) (millrace_stream_timestamp_seconds{UC})"""

DASHBOARD = Board(
    "millrace-kafka",
    "Millrace / Kafka",
    "Lag, throughput, partitions, dead letters. The first two rows are told by our parts, the last by kafka_exporter.",
    {
        "Lag": [
            line(
                "Consumer lag: trainer",
                "Records of events and labels not learnt yet.",
                {"{{use_case}} shard {{shard}}": f"millrace_consumer_lag_records{UC}"},
            ),
            line(
                "Consumer lag: feed",
                "Records not in live views yet.",
                {"{{use_case}}": f"millrace_feed_lag_records{UC}"},
            ),
            line(
                "Producer ahead of the learner",
                "Stream time between the newest fact written and the stream's time as learnt.",
                {"{{use_case}}": AHEAD},
                unit="seconds",
            ),
        ],
        "Throughput and dead letters": [
            line(
                "Facts produced/s",
                "By topic.",
                {"{{use_case}} {{kind}}": f"sum by (use_case, kind) (rate(millrace_produced_total{UC}[{RATE}]))"},
                unit="per second",
            ),
            line(
                "Producer held back",
                "Share of its time that it waits for the learner.",
                {"{{use_case}}": f"rate(millrace_held_back_seconds_total{UC}[{RATE}])"},
                unit="ratio",
            ),
            line(
                "Dead letters/s",
                "By reason.",
                {
                    "{{use_case}} {{reason}}": f"sum by (use_case, reason) (rate(millrace_dead_letters_total{UC}[{RATE}]))"
                },
                unit="per second",
            ),
        ],
        "Brokers (kafka_exporter)": [
            line("Brokers", "Brokers that answer.", {"brokers": f"max(kafka_brokers{{{KAFKA_JOB}}})"}),
            line(
                "Partitions by topic",
                "Fixed for an epoch.",
                {"{{topic}}": f"max by (topic) (kafka_topic_partitions{{{KAFKA_JOB}}})"},
            ),
            line(
                "Under-replicated partitions",
                "Partitions with too few copies.",
                {"{{topic}}": f"sum by (topic) (kafka_topic_partition_under_replicated_partition{{{KAFKA_JOB}}})"},
            ),
            line(
                "Messages in/s by topic",
                "Records written.",
                {"{{topic}}": f"sum by (topic) (rate(kafka_topic_partition_current_offset{{{KAFKA_JOB}}}[{RATE}]))"},
                unit="per second",
                width=12,
            ),
            line(
                "Consumer group lag",
                "What each group has not read.",
                {
                    "{{consumergroup}} {{topic}}": f"sum by (consumergroup, topic) (kafka_consumergroup_lag{{{KAFKA_JOB}}})"
                },
                width=12,
            ),
        ],
    },
    {"use_case": "millrace_predictions_total"},
)

"""How well is it learnt, and how fresh?"""

from __future__ import annotations

from observability.panels import RATE, Board, line

UC = '{use_case=~"$use_case"}'
ROLE = 'millrace_candidate_role{use_case=~"$use_case",role="%s"} == 1'


def scores(role: str) -> str:
    """Return the recent scores of those who have a role now."""
    return f"millrace_score{UC} and on (use_case, shard, candidate) ({ROLE % role})"


def quantile(share: float, metric: str) -> str:
    """Return a quantile of a histogram of the trainer's."""
    return f"histogram_quantile({share}, sum by (use_case, le) (rate(millrace_{metric}_bucket{UC}[{RATE}])))"


DASHBOARD = Board(
    "millrace-learner",
    "Millrace / Learner",
    "Score against baseline, drift, candidates, freshness, ledger.",
    {
        "Score": [
            line(
                "Score of the champion",
                "Over the recent window, each metric of its task.",
                {"{{use_case}} {{candidate}} {{metric}}": scores("champion")},
            ),
            line(
                "Scores of challengers and baselines",
                "Over the same window.",
                {
                    "challenger {{candidate}} {{metric}}": scores("challenger"),
                    "baseline {{candidate}} {{metric}}": scores("baseline"),
                },
            ),
            line(
                "Champion against the best baseline",
                "By which share it is better; below 0 a naive rule is.",
                {"{{use_case}}": f"millrace_champion_gain_ratio{UC}"},
                unit="ratio",
            ),
        ],
        "Drift and candidates": [
            line(
                "Drift alarms",
                "Alarms an hour, by what has drifted.",
                {"{{use_case}} {{what}}": f"sum by (use_case, what) (increase(millrace_drift_alarms_total{UC}[1h]))"},
            ),
            line(
                "Roles",
                "Who is champion now.",
                {"{{use_case}} {{candidate}}": f"sum by (use_case, candidate) ({ROLE % 'champion'})"},
            ),
            line(
                "Suspended candidates",
                "Those that raised and are out.",
                {"{{use_case}}": f"millrace_candidates_suspended{UC}"},
            ),
        ],
        "Flow": [
            line(
                "Predictions/s",
                "Made and committed.",
                {"{{use_case}}": f"sum by (use_case) (rate(millrace_predictions_total{UC}[{RATE}]))"},
                unit="per second",
            ),
            line(
                "Training samples/s",
                "Labels learnt from.",
                {"{{use_case}}": f"sum by (use_case) (rate(millrace_training_samples_total{UC}[{RATE}]))"},
                unit="per second",
            ),
            line(
                "What came of facts",
                "By outcome, a second.",
                {"{{outcome}}": f"sum by (outcome) (rate(millrace_facts_total{UC}[{RATE}]))"},
                unit="per second",
            ),
            line(
                "Time to learn a batch",
                "p50 and p99.",
                {
                    "p50 {{use_case}}": quantile(0.5, "learning_seconds"),
                    "p99 {{use_case}}": quantile(0.99, "learning_seconds"),
                },
                unit="seconds",
            ),
            line(
                "Time to commit a batch",
                "p50 and p99.",
                {
                    "p50 {{use_case}}": quantile(0.5, "commit_seconds"),
                    "p99 {{use_case}}": quantile(0.99, "commit_seconds"),
                },
                unit="seconds",
            ),
            line(
                "Batches/s",
                "Transactions committed.",
                {"{{use_case}}": f"sum by (use_case) (rate(millrace_batches_total{UC}[{RATE}]))"},
                unit="per second",
            ),
        ],
        "Freshness": [
            line(
                "Advancing",
                "1 while the learner advances or has nothing to do.",
                {"{{use_case}}": f"millrace_advancing{UC}"},
            ),
            line(
                "Stream time",
                "How far the stream's time has come, and the newest event learnt from.",
                {
                    "stream time, {{use_case}}": f"millrace_stream_timestamp_seconds{UC} * 1000",
                    "trained until, {{use_case}}": f"millrace_trained_until_timestamp_seconds{UC} * 1000",
                },
                unit="time",
            ),
            line(
                "Snapshot age",
                "Time since the newest snapshot for serving.",
                {"{{use_case}}": f"millrace_snapshot_age_seconds{UC}"},
                unit="seconds",
            ),
        ],
        "Ledger and history": [
            line(
                "Ledger entries",
                "Predictions waiting for their label.",
                {"{{use_case}}": f"millrace_ledger_entries{UC}"},
            ),
            line("Ledger size", "Their size.", {"{{use_case}}": f"millrace_ledger_bytes{UC}"}, unit="bytes"),
            line(
                "Journal",
                "Offset of the newest entry, and the epoch.",
                {"offset, {{use_case}}": f"millrace_journal_offset{UC}", "epoch, {{use_case}}": f"millrace_epoch{UC}"},
            ),
        ],
    },
    {"use_case": "millrace_predictions_total"},
)

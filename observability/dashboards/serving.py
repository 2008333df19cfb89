"""Is everybody answered, how fast, and from how fresh a state?"""

from __future__ import annotations

from observability.alerts import ASKED, errors
from observability.panels import RATE, Board, line

UC = '{use_case=~"$use_case"}'
QUICK = 'route!~".*/stream|/(livez|readyz|metrics)"'
"""Streams last for hours: they are no slow answers."""


def latency(share: float) -> str:
    """Return a quantile of the time to answer, by route."""
    rate = f"rate(millrace_http_request_seconds_bucket{{{QUICK}}}[{RATE}])"
    return f"histogram_quantile({share}, sum by (route, le) ({rate}))"


BEHIND = f"""clamp_min(max by (use_case) (millrace_trained_until_timestamp_seconds{UC})
- on (use_case) group_right () millrace_served_trained_until_timestamp_seconds{UC}, 0)"""
LOADING = f"histogram_quantile(0.99, sum by (use_case, le) (rate(millrace_reload_seconds_bucket{UC}[{RATE}])))"

DASHBOARD = Board(
    "millrace-serving",
    "Millrace / Serving",
    "Rate, errors, latency, shed, state age by replica.",
    {
        "Requests": [
            line(
                "Requests/s",
                "By route; probes left out.",
                {"{{route}}": f"sum by (route) (rate(millrace_http_requests_total{{{ASKED}}}[{RATE}]))"},
                unit="per second",
            ),
            line(
                "Requests/s by status",
                "429 is shed, 5.. is a fault or not ready.",
                {"{{status}}": f"sum by (status) (rate(millrace_http_requests_total{{{ASKED}}}[{RATE}]))"},
                unit="per second",
            ),
            line(
                "Failed requests",
                "Share of requests that failed; the budget is 0.1 % over thirty days.",
                {"5 minutes": errors("5m"), "1 hour": errors("1h")},
                unit="ratio",
            ),
            line("Latency p50", "By route.", {"{{route}}": latency(0.5)}, unit="seconds"),
            line("Latency p99", "By route.", {"{{route}}": latency(0.99)}, unit="seconds"),
            line(
                "Shed/s",
                "Requests refused because too many came.",
                {"{{instance}}": f"rate(millrace_http_requests_shed_total[{RATE}])"},
                unit="per second",
            ),
            line(
                "Answers/s",
                "By use case and by what they were given from.",
                {
                    "{{use_case}} {{serving_from}}": f"sum by (use_case, serving_from) (rate(millrace_answers_total{UC}[{RATE}]))"
                },
                unit="per second",
            ),
            line("Requests in flight", "By replica.", {"{{instance}}": "millrace_http_requests_in_flight"}),
            line("Streams", "Streams of events being served, by replica.", {"{{instance}}": "millrace_streams"}),
        ],
        "States": [
            line(
                "State age by replica",
                "Time since the served state was loaded.",
                {"{{use_case}} {{instance}}": f"millrace_served_state_age_seconds{UC}"},
                unit="seconds",
            ),
            line(
                "Behind the learner",
                "By how much stream time served states are behind what is learnt.",
                {"{{use_case}} {{instance}}": BEHIND},
                unit="seconds",
            ),
            line(
                "Degraded",
                "1 while answers are not from what was wanted.",
                {"{{use_case}} {{instance}}": f"millrace_served_degraded{UC}"},
            ),
            line(
                "Served from",
                "1 for where the served state comes from.",
                {"{{use_case}} {{serving_from}} {{instance}}": f"millrace_served_from{UC}"},
            ),
            line(
                "States loaded/s",
                "By outcome.",
                {"{{use_case}} {{outcome}}": f"sum by (use_case, outcome) (rate(millrace_reloads_total{UC}[{RATE}]))"},
                unit="per second",
            ),
            line(
                "Time to load a state",
                "p99.",
                {"{{use_case}}": LOADING},
                unit="seconds",
            ),
            line("Snapshot size", "What is loaded.", {"{{use_case}}": f"millrace_snapshot_bytes{UC}"}, unit="bytes"),
        ],
        "Pages and live views": [
            line("Viewers", "Pages that are open.", {"{{instance}}": "millrace_pages_viewers"}),
            line(
                "Looks at the API",
                "For all viewers together, by outcome.",
                {"{{outcome}}": f"sum by (outcome) (rate(millrace_pages_looks_total[{RATE}]))"},
                unit="per second",
            ),
            line(
                "Time of a look",
                "p99; there are looks while somebody views.",
                {"p99": f"histogram_quantile(0.99, sum by (le) (rate(millrace_pages_look_seconds_bucket[{RATE}])))"},
                unit="seconds",
            ),
            line(
                "Live views written/s",
                "By outcome.",
                {
                    "{{use_case}} {{outcome}}": f"sum by (use_case, outcome) (rate(millrace_feed_writes_total{UC}[{RATE}]))"
                },
                unit="per second",
            ),
            line(
                "Live views: records/s",
                "Taken into views.",
                {"{{use_case}}": f"sum by (use_case) (rate(millrace_feed_records_total{UC}[{RATE}]))"},
                unit="per second",
            ),
            line("Live views: size", "As published.", {"{{use_case}}": f"millrace_feed_views_bytes{UC}"}, unit="bytes"),
        ],
    },
    {"use_case": "millrace_predictions_total"},
)

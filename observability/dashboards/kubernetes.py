"""What the pods use of the cluster."""

from __future__ import annotations

from observability.foreign import CLAIMS, OURS
from observability.panels import RATE, Board, line

PODS = f'namespace=~"$namespace",{OURS}'
RUNNING = f'{PODS},container!=""'

CORES = f"sum by (pod, container) (rate(container_cpu_usage_seconds_total{{{RUNNING}}}[{RATE}]))"
OF_LIMIT = f"""sum by (pod, container) (container_memory_working_set_bytes{{{RUNNING}}})
/ sum by (pod, container) (kube_pod_container_resource_limits{{{PODS},resource="memory"}})"""
FREE = f"""kubelet_volume_stats_available_bytes{{{CLAIMS}}}
/ kubelet_volume_stats_capacity_bytes{{{CLAIMS}}}"""

DASHBOARD = Board(
    "millrace-kubernetes",
    "Millrace / Kubernetes resources",
    "CPU, memory, network, restarts. From cAdvisor, the kubelet and kube-state-metrics.",
    {
        "Use": [
            line(
                "CPU by container",
                "Cores used.",
                {"{{pod}} {{container}}": CORES},
            ),
            line(
                "Memory by container",
                "What counts against the limit.",
                {"{{pod}} {{container}}": f"sum by (pod, container) (container_memory_working_set_bytes{{{RUNNING}}})"},
                unit="bytes",
            ),
            line(
                "Memory of its limit",
                "At 1 a container is killed.",
                {"{{pod}} {{container}}": OF_LIMIT},
                unit="ratio",
            ),
            line(
                "Network in",
                "By pod.",
                {"{{pod}}": f"sum by (pod) (rate(container_network_receive_bytes_total{{{PODS}}}[{RATE}]))"},
                unit="bytes/s",
            ),
            line(
                "Network out",
                "By pod.",
                {"{{pod}}": f"sum by (pod) (rate(container_network_transmit_bytes_total{{{PODS}}}[{RATE}]))"},
                unit="bytes/s",
            ),
            line(
                "Free on volumes",
                "Share that is free.",
                {"{{persistentvolumeclaim}}": FREE},
                unit="ratio",
            ),
        ],
        "Life": [
            line(
                "Restarts",
                "Within the last hour.",
                {"{{pod}} {{container}}": f"increase(kube_pod_container_status_restarts_total{{{PODS}}}[1h])"},
                width=12,
            ),
            line(
                "Pods that do not run",
                "How many are pending, failed or unknown; zero is what one wants to see.",
                {"{{phase}}": f'sum by (phase) (kube_pod_status_phase{{{PODS},phase!~"Running|Succeeded"}})'},
                width=12,
            ),
        ],
    },
    {"namespace": "kube_pod_status_phase"},
)

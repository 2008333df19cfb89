"""The chart on a real Kubernetes API server, without nodes: `make cluster-test`."""

"""The chart on a cluster of one node, with every pod running: `make node-test`."""

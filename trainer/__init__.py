"""The training service: the learning loop on the real log."""

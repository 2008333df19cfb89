"""The pure loop: facts in, outcomes out. No clock, no randomness, no environment, no I/O."""

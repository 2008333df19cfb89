"""The chart: what it renders, what it refuses, and that it lets through what it says and nothing else."""

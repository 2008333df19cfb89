"""The environment's fingerprint: within one, the same records give the same state, bit for bit."""

from __future__ import annotations

import platform
from importlib import metadata

LAYOUT = 7
"""Counts up whenever what a checkpoint holds changes its form, or the learner computes otherwise."""


def fingerprint() -> dict[str, str]:
    """Return the versions and the processor family that a state depends on."""
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "millrace": metadata.version("millrace"),
        "layout": str(LAYOUT),
        "river": metadata.version("river"),
        "numpy": metadata.version("numpy"),
    }

"""Calls `millrace` as a person does: another process, its streams, its exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def millrace(*words: str, home: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a home of its own; no setting of the surroundings gets in."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MILLRACE_")}
    told = {f"MILLRACE_{name}": value for name, value in settings.items()}
    return subprocess.run(
        [sys.executable, "-m", "millrace.cli", *words],
        env={**clean, "MILLRACE_HOME": str(home), **told},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

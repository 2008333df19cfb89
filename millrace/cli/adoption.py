"""Lets a command talk to the platform that `millrace up` runs from the same home, without being told where it is."""

from __future__ import annotations

import os
from pathlib import Path

TOLD_BY: dict[str, str] = {}
"""Variables that were taken over, and from where."""


def adopt(folder: Path | None = None) -> None:
    """Take the addresses of a home's platform as settings; what the environment says goes first."""
    from millrace.runtime.home import Home

    home = Home(folder or Path(os.environ.get("MILLRACE_HOME", ".millrace")))
    standing = home.standing()
    for name, value in (standing.environment if standing else {}).items():
        if name not in os.environ:
            os.environ[name] = value
            TOLD_BY[name] = f"platform of {home.folder}"
    _know_files(os.environ.get("MILLRACE_USE_CASES", ""))


def _know_files(use_cases: str) -> None:
    """Load the use cases a platform was given as files, so that they are known by name, as a state id has it."""
    from millrace.usecases import find

    for name in use_cases.split(","):
        if name.endswith(".py") and Path(name).is_file():
            find(name)

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

"""`millrace run PART`: one part in the foreground, as a container does."""

from __future__ import annotations

import os
from enum import StrEnum
from importlib import import_module
from typing import Annotated

import typer

EXAMPLES = """
Examples:

  MILLRACE_USE_CASE=UC MILLRACE_KAFKA=HOST:PORT millrace run trainer

  MILLRACE_API_PORT=8081 millrace run api       another replica

  millrace run s3                               the embedded object store, where MILLRACE_S3_ENDPOINT says

Settings come as MILLRACE_… variables; `millrace doctor` lists them all.
"""

_OURS = {
    "trainer": "trainer.main",
    "producer": "producers.main",
    "api": "apps.api.main",
    "feed": "apps.feed.main",
    "dashboard": "apps.dashboard.serve",
}


class PartName(StrEnum):
    """What can be run."""

    TRAINER = "trainer"
    PRODUCER = "producer"
    API = "api"
    FEED = "feed"
    DASHBOARD = "dashboard"
    LOG = "log"
    KAFKA = "kafka"
    S3 = "s3"
    REDIS = "redis"
    MLFLOW = "mlflow"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run", epilog=EXAMPLES)(run)


def run(part: Annotated[PartName, typer.Argument(help="The part.")]) -> None:
    """Run one part in the foreground until SIGTERM or Ctrl-C."""
    from millrace.cli.settings import refuse_unknown

    refuse_unknown()
    if part in _OURS:
        run_ours(part)
    else:
        _become(part)


def run_ours(part: str) -> None:
    """Run one of our own services."""
    import_module(_OURS[part]).run()


def _become(name: str) -> None:
    """Turn this process into an embedded service, at the address that the settings give it."""
    from millrace.runtime.parts import embedded
    from millrace.runtime.settings import Connections

    part = embedded(name, Connections())
    os.execvpe(part.argv[0], part.argv, {**os.environ, **part.env})  # noqa: S606 - our own part

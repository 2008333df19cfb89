"""`millrace up`: the whole platform on this machine, until Ctrl-C."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from millrace.domain.usecase import AnyUseCase

EXAMPLES = """
Examples:

  millrace up                                 everything, from wheels; no Docker, no Java

  millrace up --kafka local                   the same on a real Apache Kafka (Java and Maven fetch it)

  millrace up --kafka HOST:PORT --s3 URL      on servers of your own; credentials come as MILLRACE_S3_ACCESS_KEY, …

  millrace up --use-case A --use-case B       several; each has a trainer and a producer of its own

  millrace up --speed 60 --no-dashboard       a minute of the stream in a second, without pages

  millrace up --prometheus                    with a Prometheus that watches all parts, alerts and all
"""

_BOOTSTRAP = re.compile(r"[^\s:,/]+:\d+(,[^\s:,/]+:\d+)*")
_SCHEMES = {"s3": ("http", "https"), "redis": ("redis", "rediss"), "mlflow": ("http", "https")}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("up", epilog=EXAMPLES)(up)


def _log(given: str) -> str:
    if given in ("", "local") or _BOOTSTRAP.fullmatch(given):
        return given
    raise typer.BadParameter(f"{given!r} is neither `local` nor HOST:PORT")


def _url(param: typer.CallbackParam, given: str) -> str:
    schemes = _SCHEMES[str(param.name)]
    if not given or given.startswith(tuple(f"{scheme}://" for scheme in schemes)):
        return given
    raise typer.BadParameter(f"{given!r} does not begin with {schemes[0]}://")


def up(
    use_case: Annotated[
        list[str],
        typer.Option(help="What to learn, by name or file; may be repeated. By default the one that is made for it."),
    ] = [],  # noqa: B006 - typer wants the default here, and nobody changes it
    kafka: Annotated[
        str, typer.Option(metavar="HOST:PORT|local", callback=_log, help="Use this Kafka, or run a real one here.")
    ] = "",
    s3: Annotated[str, typer.Option(metavar="URL", callback=_url, help="Use this object store.")] = "",
    redis: Annotated[str, typer.Option(metavar="URL", callback=_url, help="Use this Redis or Valkey.")] = "",
    mlflow: Annotated[str, typer.Option(metavar="URL", callback=_url, help="Use this MLflow server.")] = "",
    home: Annotated[
        Path, typer.Option(envvar="MILLRACE_HOME", help="Where state, logs and keys are kept between runs.")
    ] = Path(".millrace"),
    speed: Annotated[
        float, typer.Option(min=0, help="Seconds of the stream in one second; 0 is as fast as the log takes it.")
    ] = 3600.0,
    dashboard: Annotated[bool, typer.Option("--dashboard/--no-dashboard", help="Serve the pages.")] = True,
    producer: Annotated[
        bool,
        typer.Option(
            "--producer/--no-producer", help="Send the recorded or simulated stream; without, bring your own events."
        ),
    ] = True,
    prometheus: Annotated[
        bool, typer.Option("--prometheus", help="Run the Prometheus of this machine on all parts, with the alerts.")
    ] = False,
    api_port: Annotated[
        int | None, typer.Option(min=1, max=65535, show_default="8000 if free", help="Port of the API.")
    ] = None,
    dashboard_port: Annotated[
        int | None, typer.Option(min=1, max=65535, show_default="3000 if free", help="Port of the pages.")
    ] = None,
) -> None:
    """Run the whole platform on this machine until Ctrl-C: everything for real, in processes under one supervisor."""
    from millrace.cli.running import run
    from millrace.cli.settings import refuse_unknown
    from millrace.domain.sources import Topics
    from millrace.runtime.parts import Wishes

    refuse_unknown()
    told = {"api": api_port, "dashboard": dashboard_port}
    found = _found(use_case)
    run(
        Wishes(
            home=home,
            use_cases=list(found),
            files={given: its.name for given, its in found.items()},
            not_sent=frozenset(given for given, its in found.items() if isinstance(its.source, Topics)),
            kafka=kafka,
            s3=s3,
            redis=redis,
            mlflow=mlflow,
            speed=speed,
            dashboard=dashboard,
            feed=find_spec("faust") is not None,
            producer=producer,
            prometheus=prometheus,
            ports={name: port for name, port in told.items() if port is not None},
        )
    )


def _found(wished: list[str]) -> dict[str, AnyUseCase]:
    """Return the use cases to run, by name or file; raise `UnknownUseCase` for what is none."""
    from millrace.usecases import default, find, reference

    return {reference(name): find(name) for name in wished or [default()]}

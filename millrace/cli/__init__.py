"""`millrace …`: the command line.

One module a command, each with `register(app)`. Modules import what they need when their command runs: a help text must
not wait for River or MLflow.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Annotated

import typer

from millrace.domain.errors import MillraceError

COMMANDS = (
    "rehearse",
    "new",
    "check",
    "plan",
    "up",
    "status",
    "models",
    "rebuild",
    "export",
    "produce",
    "drift",
    "run",
    "prepare",
    "deploy",
    "doctor",
    "bench",
)
"""In the order in which a newcomer meets them."""

ASKING = ("plan", "export", "models", "rebuild", "produce", "drift")
"""Those that talk to the platform that runs from this home, unless told of another."""

ABOUT = """Learns from Kafka streams as they flow: exactly once, rebuildable bit for bit, served fresh."""

EXAMPLES = """
Where to begin:

  millrace rehearse USE_CASE    the whole loop on a recording; no service runs

  millrace up                   the whole platform on this machine, until Ctrl-C

  millrace status               how it is

  millrace doctor               what is in force, and what is wrong
"""

app = typer.Typer(
    help=ABOUT,
    epilog=EXAMPLES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(version("millrace"))
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.", callback=_version)] = False,
) -> None:
    """Say what all commands share."""
    if context.invoked_subcommand in ASKING:
        from millrace.cli.adoption import adopt

        adopt()


for _name in COMMANDS:
    import_module(f"{__name__}.{_name}").register(app)


def main() -> None:
    """Run the command line: 0 done, 1 failed (one line says why), 2 wrong usage."""
    try:
        app(prog_name="millrace")
    except MillraceError as error:
        _fail(str(error))
    except ModuleNotFoundError as error:
        from millrace.cli.missing import explained

        lack = explained(error)
        if lack is None:
            raise
        _fail(lack)
    except ValueError as error:
        from millrace.cli.invalid import words

        found = words(error)
        if found is None:
            raise
        _fail(found)


def _fail(words: str) -> None:
    """End with the error; with `MILLRACE_DEBUG=1`, show where it came from."""
    if os.environ.get("MILLRACE_DEBUG", "") not in ("", "0"):
        raise
    typer.echo(f"millrace: {words}", err=True)
    sys.exit(1)

"""`millrace deploy`: what brings a use case into a cluster."""

from __future__ import annotations

import json
import re
import textwrap
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from millrace.domain.usecase import AnyUseCase

EXAMPLES = """
Examples:

  millrace deploy ./my_case.py --output values > my-values.yaml

  helm upgrade --install millrace charts/millrace -f my-values.yaml

  millrace deploy ./my_case.py --output values --source producer   a producer of ours sends its stream (demo only)
"""

_ODD = re.compile("[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
"""What YAML would not give back as it is."""


class Output(StrEnum):
    """What can be written."""

    VALUES = "values"


class Source(StrEnum):
    """Where events and labels come from."""

    TOPICS = "topics"
    PRODUCER = "producer"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("deploy", epilog=EXAMPLES)(deploy)


def deploy(
    use_case: Annotated[str, typer.Argument(help="The use case: its name, or its file.")],
    output: Annotated[Output, typer.Option(help="What to write: values of the chart charts/millrace.")] = Output.VALUES,
    source: Annotated[
        Source, typer.Option(help="Others write its topics, or a producer of ours sends its stream.")
    ] = Source.TOPICS,
) -> None:
    """Write, to standard output, the values by which the chart learns a use case; a user's own file is put in."""
    from millrace.usecases import find

    found = find(use_case)
    if source is Source.PRODUCER:
        _refuse_what_cannot_be_sent(found, use_case)
    file = _text(found) if use_case.endswith(".py") else None
    typer.echo(values(found.name, source.value, file), nl=False)


def values(name: str, source: str, file: str | None) -> str:
    """Return the chart's values for one use case, as YAML. The file's text comes back from it byte for byte."""
    entry = [f"  - name: {name}", f"    source: {source}"]
    if file is not None:
        entry.append(f"    file: {_scalar(file)}")
    return "\n".join(["useCases:", *entry]).rstrip("\n") + "\n"


def _scalar(text: str) -> str:
    """Return a text as a YAML block that a person can read, or in quotes where a block would change it."""
    if _ODD.search(text) or not text.endswith("\n") or text.endswith("\n\n") or text.isspace():
        return _ODD.sub(lambda odd: f"\\u{ord(odd[0]):04x}", json.dumps(text, ensure_ascii=False))
    return "|2\n" + textwrap.indent(text, " " * 6, lambda line: line != "\n")


def _text(use_case: AnyUseCase) -> str:
    """Return a user's own file; raise `Refused` when it is not all there is."""
    from millrace.domain.errors import Refused
    from millrace.usecases import beside, source_of

    if others := beside(use_case):
        raise Refused(
            f"{use_case.name} imports {', '.join(others)} from beside its file, and a cluster is given one file: put them into "
            "it, or make a package of them and an image with it (useCases: package and image in the chart's values)"
        )
    return source_of(use_case)


def _refuse_what_cannot_be_sent(use_case: AnyUseCase, given: str) -> None:
    from millrace.domain.errors import Refused

    if not use_case.is_replayed and use_case.simulator is None:
        raise Refused(f"{use_case.name} has no stream to send: leave --source out, and write its topics yourself")
    if given.endswith(".py") and use_case.simulator is None:
        raise Refused(
            f"{use_case.name} reads {Path(given).name}'s own files, which are not in the cluster: send them to its topics "
            "with `millrace produce`, and leave --source out"
        )

"""The command line as its own help texts tell it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer.main

from millrace.cli import app


def command_line(made: str) -> Iterator[str]:
    """Yield the lines of the page."""
    yield from ("# The command line", "", made, "")
    yield from (
        "`millrace COMMAND --help` says the same. Ends with 0 when done, 1 when it failed, 2 for wrong usage.",
        "",
    )
    group: Any = typer.main.get_command(app)
    for name, command in group.commands.items():
        if not command.hidden:
            yield from _command(f"millrace {name}", command)


def _command(name: str, command: Any) -> Iterator[str]:
    inner = getattr(command, "commands", None)
    usage = "" if inner else " ".join(["", *_arguments(command), "[OPTIONS]"])
    yield from (f"## `{name}{usage}`", "", " ".join((command.help or "").split()), "")
    said = [row for it in command.params for row in _parameter(it)]
    if said:
        yield from ("| | |", "| --- | --- |", *said, "")
    if command.epilog:
        yield from ("```text", *command.epilog.strip().splitlines(), "```", "")
    for each, its in (inner or {}).items():
        yield from _command(f"{name} {each}", its)


def _arguments(command: Any) -> list[str]:
    return [_name(it) for it in command.params if it.param_type_name == "argument"]


def _name(it: Any) -> str:
    return str(it.metavar or it.name).upper()


def _parameter(it: Any) -> Iterator[str]:
    if getattr(it, "hidden", False) or it.name == "help":
        return
    names = _name(it) if it.param_type_name == "argument" else ", ".join([*it.opts, *it.secondary_opts])
    takes = getattr(it, "is_flag", False) or it.param_type_name == "argument"
    value = "" if takes else f" {it.metavar or _taken(it)}"
    words = " ".join((getattr(it, "help", None) or "").split()).replace("|", "\\|")
    yield f"| `{names}{value}` | {words}{_default(it)} |"


def _taken(it: Any) -> str:
    kind = it.type_descriptor.annotation
    options = getattr(kind, "__args__", ())
    if all(isinstance(each, str) for each in options) and options:
        return "|".join(options)
    return {"str": "TEXT", "int": "INTEGER", "float": "NUMBER"}.get(kind.__name__, kind.__name__.upper())


def _default(it: Any) -> str:
    shown = getattr(it, "show_default", None)
    if isinstance(shown, str):
        return f" Default: {shown}."
    plain = isinstance(it.default, str | int | float) and not isinstance(it.default, bool)
    return f" Default: `{it.default}`." if plain and it.default != "" else ""

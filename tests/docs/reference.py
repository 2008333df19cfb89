"""Writes docs/reference/: `python -m tests.docs.reference` (or `make reference`). What it says is in the code's own words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.docs.commands import command_line
from tests.docs.measures import metrics
from tests.docs.questions import use_cases
from tests.docs.sources import Named, exported, of_module

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "reference"
MADE = "<!-- Made by `make reference` from the code; edit the docstrings there. -->"

PARTS = {
    "Events, labels and their fields": ("millrace.domain.facts", "millrace.domain.fields"),
    "The use case": ("millrace.domain.usecase", "millrace.domain.models"),
    "Tasks and truth": ("millrace.domain.tasks",),
    "Profiles": ("millrace.domain.profiles",),
    "Sources": ("millrace.domain.sources",),
    "Simulated streams": ("millrace.domain.simulation",),
    "Errors": ("millrace.domain.errors",),
}
"""What `millrace` exports, by the module it is defined in, in the order in which an author meets it."""


def pages() -> dict[str, str]:
    """Return the text of each page, by its file's name."""
    return {
        "python.md": "\n".join(_python()),
        "command-line.md": "\n".join(command_line(MADE)),
        "use-cases.md": "\n".join(use_cases(MADE)),
        "metrics.md": "\n".join(metrics(MADE)),
    }


def _python() -> Iterator[str]:
    yield from (
        "# Python",
        "",
        MADE,
        "",
        "What is imported from `millrace`, and for tests from `millrace.testing`.",
        "",
    )
    names = exported("millrace")
    for title, modules in PARTS.items():
        yield from _part(title, {name: module for name, module in names.items() if module in modules})
    yield from _part("For tests: `millrace.testing`", exported("millrace.testing"))


def _part(title: str, names: Mapping[str, str]) -> Iterator[str]:
    yield from (f"## {title}", "")
    for module in dict.fromkeys(names.values()):
        defined = of_module(module)
        for name, it in defined.items():
            if names.get(name) == module:
                yield from _entry(it)


def _entry(it: Named) -> Iterator[str]:
    yield from (f"### `{it.name}`", "")
    yield from ("```python", it.signature, "```", "", *it.words.splitlines(), "")
    for method in it.methods:
        yield from (f"**`{method.signature}`**", "", *method.words.splitlines(), "")


def main() -> None:
    """Write the pages."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text.rstrip("\n") + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

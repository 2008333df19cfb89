"""The page of all metrics: the two catalogues as tables."""

from __future__ import annotations

from collections.abc import Iterator

from millrace.runtime.telemetry import EVERY, LABELS, PARTS, SPECS
from observability.foreign import METRICS


def metrics(made: str) -> Iterator[str]:
    """Yield the lines of the page."""
    yield from ("# Metrics", "", made, "")
    yield "Every part answers at `/metrics` with its own and with those of every part. Dashboards ask for nothing else."
    for part in (EVERY, *PARTS):
        yield from ("", f"## {'Every part' if part == EVERY else f'The {part}'}", "")
        yield from ("| metric | kind | unit | labels | what it says |", "| --- | --- | --- | --- | --- |")
        for spec in SPECS.values():
            if spec.part == part:
                labels = ", ".join(f"`{it}`" for it in spec.labels)
                yield f"| `{spec.name}` | {spec.kind} | {spec.unit} | {labels} | {spec.help} |"
    yield from ("", "## Labels", "", "| label | its values are |", "| --- | --- |")
    yield from (f"| `{label}` | {bound} |" for label, bound in LABELS.items())
    yield from ("", "## Of others", "", "What dashboards and alerts ask of others, where those run.", "")
    yield from ("| metric | by | why | there is |", "| --- | --- | --- | --- |")
    yield from (f"| `{it.name}` | {it.source.name} | {it.why} | {it.source.where} |" for it in METRICS)
    yield ""

"""The `source=` of a drafted use case on topics: how the fields of their records become those of its events and labels."""

from __future__ import annotations

from collections.abc import Sequence

from millrace.domain.sources import Json, Topic
from millrace.drafting.columns import Column
from millrace.drafting.mapping import (
    By,
    When,
    fields_from,
    moved_on,
    names,
    needs_saying,
    quoted,
    reached,
    time_at,
)

ASKED_OF_EVENTS = "is this when it happened? (Times without a zone are UTC.)"
ASKED_OF_LABELS = "is this when the truth was known? A score with labels that come too early is a leak."


def of_topics(
    topic: Topic, columns: Sequence[Column], when: When, other: Topic, truth: Sequence[Column], matched: str
) -> list[str]:
    """Return the lines of `source=Topics(…)`; `other` has the truth, and `truth` is what its fields are for.

    In one topic, a record is an event as long as it does not tell the truth, and a label when it does.
    """
    by: By = {it.role: it for it in columns if it.role != "field"}
    its: By = {it.role: it for it in truth}
    same = topic.name == other.name
    events = _topic(
        topic, [*_conditions(topic, by["time"], its["target"] if same else None), *_of_events(columns, by, when)]
    )
    labels = _topic(other, [*_told(other, its, same), *_of_labels(its, when, matched)])
    return ["    source=Topics(", *_argument("events", events), *_argument("labels", labels), "    ),"]


def _argument(name: str, said: Sequence[str]) -> list[str]:
    return [f"        {name}=Topic(", *(f"            {it}" for it in said), "        ),"]


def _topic(topic: Topic, said: Sequence[str]) -> list[str]:
    layout = [f"{quoted(topic.name)},"]
    layout += [] if isinstance(topic.format, Json) else [f"format={type(topic.format).__name__}(),"]
    layout += [f"envelope=Debezium({quoted(topic.envelope.ops)}),"] if topic.envelope else []
    return [*layout, *said, *([f"missing=({names(topic.missing)}),"] if topic.missing else [])]


def _of_events(columns: Sequence[Column], by: By, when: When) -> list[str]:
    key = by.get("key")
    said = [f"id={quoted(by['id'].column)},", *([f"key={quoted(key.column)},"] if key else [])]
    fields = [it for it in columns if it.role == "field" and it.kind != "time" and needs_saying(it)]
    said += [*fields_from(fields, nested=True), *time_at(by["time"], ASKED_OF_EVENTS), *moved_on(when)]
    return [*said, f'fill={{{quoted(key.field)}: "missing"}},'] if key and key.missing else said


def _of_labels(its: By, when: When, matched: str) -> list[str]:
    target = its["target"]
    said = [f"# ASK: {matched}"] if its["of"].guessed else []
    said += [f"of={quoted(its['of'].column)},", *fields_from([target] if needs_saying(target) else [], nested=True)]
    return [*said, *time_at(its["known_at"], ASKED_OF_LABELS), *moved_on(when)]


def _conditions(topic: Topic, time: Column, unless: Column | None) -> list[str]:
    """Return which records are events: those that say when, and, where labels come in the same topic, not yet the truth."""
    wanted = [_known(topic, time.column)] if time.missing else []
    wanted += [_known(topic, unless.column, known=False)] if unless else []
    return _where(wanted)


def _told(topic: Topic, its: By, same: bool) -> list[str]:
    """Return which records are labels: those that tell the truth, where some do not; of changes, the one that made it known."""
    target, known = its["target"], its["known_at"]
    wanted: list[str] = []
    if same or (topic.envelope and target.missing):
        wanted.append(_known(topic, target.column))
        wanted += [_known(topic, target.column, '(row["$before"] or {})', known=False)] if topic.envelope else []
    return _where([*wanted, *([_known(topic, known.column)] if known.missing else [])])


def _known(topic: Topic, path: str, row: str = "row", *, known: bool = True) -> str:
    """Return the expression that tells whether a field says something, or whether it does not."""
    if not topic.missing:
        return f"{reached(path, row)} {'is not' if known else 'is'} None"
    nothing = ", ".join([*map(quoted, topic.missing), "None"])
    return f"{reached(path, row)} {'not in' if known else 'in'} ({nothing})"


def _where(wanted: Sequence[str]) -> list[str]:
    return [f"where=lambda row: {' and '.join(wanted)},"] if wanted else []

"""The `source=` of a drafted use case on files: how their columns become the fields of its events and labels."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from millrace.domain.sources import Table
from millrace.drafting.columns import LINE, Column
from millrace.drafting.values import TRUE

By = Mapping[str, Column]


class When(NamedTuple):
    """How long after its event a label is known, if no column says; by how many days all times are moved on."""

    delay: str
    moved: int = 0


def of_files(
    table: Table, columns: Sequence[Column], when: When, other: Table | None, truth: Sequence[Column]
) -> list[str]:
    """Return the lines of `source=Files(…)`; `other` is a second table, with the truth, and `truth` what its columns are for."""
    by: By = {it.role: it for it in columns if it.role != "field"}
    events = _table(table, "events", _of_events(columns, by, when))
    if other:
        labels = _table(other, "labels", _of_other_labels(table, by, truth, when))
    else:
        labels = _table(table, "labels", _of_same_labels(by, when))
    return ["    source=Files(", *events, *labels, "    ),"]


def quoted(text: str) -> str:
    """Return a text as Python writes it."""
    return json.dumps(text, ensure_ascii=False)


def names(texts: Sequence[str]) -> str:
    """Return texts as the inside of a tuple."""
    return ", ".join(quoted(it) for it in texts) + ("," if len(texts) == 1 else "")


def _table(table: Table, as_: str, said: Sequence[str]) -> list[str]:
    layout = [f"            {quoted(table.path)},"]
    layout += [f"            separator={quoted(table.separator)},"] if table.separator != "," else []
    layout += [f"            columns=({names(table.columns)}),"] if table.columns else []
    return [f"        {as_}=Table(", *layout, *(f"            {it}" for it in said), "        ),"]


def _of_events(columns: Sequence[Column], by: By, when: When) -> list[str]:
    key = by.get("key")
    said = [f"id={quoted(_id(by))},"]
    if key:
        said.append(f"key={quoted(key.column)},")
    fields = [it for it in columns if it.role == "field" and it.kind != "time"]
    said += fields_from([it for it in fields if needs_saying(it)])
    said += [*time_at(by["time"], "are times without a zone UTC?"), *moved_on(when)]
    if key and key.missing:
        said.append(f'fill={{{quoted(key.field)}: "missing"}},')
    return said + _only_with(by["time"])


def _of_same_labels(by: By, when: When) -> list[str]:
    target, known = by["target"], by.get("known_at")
    said = [f"of={quoted(_id(by))},", *fields_from([target] if needs_saying(target) else [])]
    if known:
        return [*said, *time_at(known, ""), *moved_on(when), *_only_with(known)]
    return [*said, *time_at(by["time"], ""), *_after(when), *_only_with(by["time"])]


def _of_other_labels(table: Table, by: By, truth: Sequence[Column], when: When) -> list[str]:
    """Return how a second file is read: its time is its own, or its event's, which is joined to it."""
    its: By = {it.role: it for it in truth}
    target, known, of = its["target"], its.get("known_at"), its.get("of")
    said = [f"of={quoted(of.column if of else LINE)},", *fields_from([target] if needs_saying(target) else [])]
    if known:
        return [*said, *time_at(known, ""), *moved_on(when), *_only_with(known)]
    its_event = by["time"]
    if of is None or its_event.column == LINE:
        return [*said, *time_at(its_event, ""), *_after(when)]
    separator = f", separator={quoted(table.separator)}" if table.separator != "," else ""
    on = f"on={quoted(of.column)}, by={quoted(_id(by))}"
    said.append(f'joined={{"event": Side({quoted(table.path)}, {on}{separator})}},')
    return [*said, *time_at(its_event._replace(column=f"event.{its_event.column}"), ""), *_after(when)]


def _after(when: When) -> list[str]:
    asked = "# ASK: how long after it is the truth known? A score with the wrong delay is a leak."
    return [asked, f"after={quoted((f'{when.moved}d' if when.moved else '') + when.delay)},"]


def moved_on(when: When) -> list[str]:
    """Return the line that moves times on to when clocks count."""
    if not when.moved:
        return []
    return [
        "# Clocks count from 1980; a whole number of 28 years keeps the days of the week.",
        f'after="{when.moved}d",',
    ]


def _id(by: By) -> str:
    return by["id"].column if "id" in by else LINE


def needs_saying(it: Column) -> bool:
    """Tell whether a field is not simply the column of its own name."""
    return it.column != it.field or _is_told_in_words(it)


def _is_told_in_words(it: Column) -> bool:
    """Tell whether yes and no are written in other words than `true` and `false`, which are understood."""
    return any(text.lower() not in ("true", "false", "0", "1") for text in it.texts)


def fields_from(columns: Sequence[Column], nested: bool = False) -> list[str]:
    """Return the lines of `fields={…}`; with `nested`, names with dots are ways into what a row holds."""
    if not columns:
        return []
    return ["fields={", *(f"    {quoted(it.field)}: {_from(it, nested)}," for it in columns), "},"]


def _from(it: Column, nested: bool) -> str:
    if not _is_told_in_words(it):
        return quoted(it.column)
    told = ", ".join(f"{quoted(text)}: {text.lower() in TRUE}" for text in it.texts)
    found = reached(it.column, otherwise=quoted("")) if nested else _in_table(it.column)
    return f"lambda row: {{{told}}}.get({found})"


def _in_table(column: str) -> str:
    """Return the expression for a table's column: its name may have dots, or be the way into what JSON lines hold."""
    name = quoted(column)
    return f"row.get({name}, {reached(column, otherwise=quoted(''))})" if "." in column else f'row.get({name}, "")'


def reached(path: str, row: str = "row", otherwise: str = "") -> str:
    """Return the expression for what a path names in a row; it is `None`, or `otherwise`, where the row has no such thing."""
    *outer, name = path.split(".")
    for step in outer:
        row = f"({row}.get({quoted(step)}) or {{}})"
    return f"{row}.get({quoted(name)}{f', {otherwise}' if otherwise else ''})"


def time_at(it: Column, asked: str) -> list[str]:
    """Return the lines of `time=…`, with the question where it is a guess."""
    if it.column == LINE:
        asked = "no column says when, so a row comes a minute after the one before: what does its order mean?"
        return [f"# ASK: {asked}", f'time=Time(lambda row: 946_684_800 + 60 * row["{LINE}"], "s"),  # from 2000 on']
    said = [f"# ASK: {asked}"] if it.guessed and asked else []
    said += [f"# ASK: or is it written {quoted(form)}?" for form in it.forms[1:]]
    if it.parts:
        made = " ".join(f"{{row['{part}']}}" for part in it.parts)
        return [*said, f'time=Time(lambda row: f"{made}", {quoted(it.forms[0])}),']
    form = f", {quoted(it.forms[0])}" if it.forms and it.forms[0] != "iso" else ""
    return [*said, f"time=Time({quoted(it.column)}{form}),"]


def _only_with(it: Column) -> list[str]:
    """Return the condition that leaves out rows in which a time is nothing."""
    if not it.missing:
        return []
    return [f"where=lambda row: ({_in_table(it.column)} or {quoted('')}) not in ({names(it.missing)}),"]

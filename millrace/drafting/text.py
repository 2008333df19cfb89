"""The text of a drafted use case: what is known is written, what is guessed is asked in a comment that begins with ASK."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from millrace.domain.sources import Table, Topic
from millrace.drafting.basis import Basis
from millrace.drafting.columns import Column
from millrace.drafting.mapping import When, names, of_files
from millrace.drafting.spans import Spans, spans
from millrace.drafting.topic_mapping import of_topics

TYPES = {"number": "float", "whole": "int", "yes-no": "bool", "text": "str", "time": "datetime"}

HEAD = '''"""{question}

Drafted from {file}. Each line marked ASK is a guess: read it, then take the mark away.
Run it: {run}
"""

from __future__ import annotations

from millrace import {names}


class {event}(Event):
    """What happened."""

{fields}


class {label}(Label):
    """The truth about it, later."""

    {id}: Of[str]
    {target}: {target_type} | None = None  # None: there will be no truth


class Seen(Profiles):
    """What is remembered of those whose truth is known."""

{profiles}


def features(e: {event}, seen: Seen) -> Features:
    """Return what a model sees when it happens."""
    return {{
{features}
    }}


NUMBERS = ({numbers})
"""Features that are numbers; the linear model sees no other."""


def linear() -> Model:
    """Return a linear model on scaled numbers; clipped gradients, for a far-off value must not throw it off for good."""
    from river import linear_model, optim, preprocessing

    line = linear_model.{linear}(optimizer=optim.SGD(0.005), clip_gradient=10.0)
    return preprocessing.StandardScaler() | line


def tree() -> Model:
    """Return a tree that takes text, too; bounded by depth."""
    from river import tree as trees

    return trees.{tree}


{module} = UseCase(
    "{name}",
    "{question}",
    {event},
    Seen,
    features=features,
    task={task}(
{asked}        target=lambda d: d.{target},
        # ASK: how long after the event is its label waited for?
        truth=Truth(label={label}, patience="{patience}d"),
    ),
    candidates={{
        "linear": Candidate(linear, only=NUMBERS{residual}),
        "tree": Candidate(tree),
    }},
    baselines={{
{baselines}
    }},
{source}
{silence})
{tail}'''
TAIL = """

if __name__ == "__main__":
    print({module}.rehearse())
"""

ALWAYS = (
    "Candidate",
    "Event",
    "Features",
    "Id",
    "Key",
    "Label",
    "Model",
    "Of",
    "Profiles",
    "Time",
    "Truth",
    "UseCase",
    "decayed_mean",
)
"""What every draft needs of `millrace`, beside its task."""
IN_SOURCES = ("Avro", "Debezium", "Files", "JsonSchema", "Protobuf", "Side", "Table", "Topic", "Topics")
"""What some sources need."""
PATIENCE = 30
"""Days for which a label is waited, and how long a stream may be silent, where the table says nothing else."""
REGRESSION_TREE = 'HoeffdingTreeRegressor(leaf_prediction="mean", max_depth=8, memory_estimate_period=10**12)'
YES_NO_TREE = "HoeffdingTreeClassifier(max_depth=8, memory_estimate_period=10**12)"


class Asked(NamedTuple):
    """The question of a draft: the columns with a part in it, the fields of its event, its profiles."""

    by: Mapping[str, Column]
    fields: Sequence[Column]
    yes_no: bool
    profiles: Sequence[str]

    @property
    def id(self) -> str:
        """The field that names an event."""
        return self.by["id"].field if "id" in self.by else "row"


def draft(name: str, basis: Basis) -> str:
    """Return the text of a use case on what was looked at."""
    asked = _asked_of(basis)
    lying = spans(basis.looked.rows, asked.by["time"], None if basis.labelled else asked.by.get("known_at"))
    if basis.labelled:
        lying = lying._replace(wait=max(lying.wait, basis.labelled.wait))
    mapped = _source(basis, When(basis.wishes.delay, lying.moved))
    said = {**_heading(name, basis, asked, mapped), **_types(name, asked), **_contest(asked), **_lasting(lying)}
    return HEAD.format(**said, source="\n".join(mapped))


def _asked_of(basis: Basis) -> Asked:
    by: dict[str, Column] = {it.role: it for it in basis.found}
    told = [it for it in basis.columns if it.role == "field" and it.kind != "time"]
    fields = [it for it in told if it.column not in basis.wishes.later]
    return Asked(by, fields, by["target"].kind == "yes-no", ["overall", *(["usual"] if "key" in by else [])])


def _source(basis: Basis, when: When) -> list[str]:
    """Return the lines of `source=…`."""
    table, labelled = basis.looked.table, basis.labelled
    drawn = [it for it in basis.columns if it.column not in basis.wishes.later]
    if isinstance(table, Table):
        other = labelled.table if labelled and isinstance(labelled.table, Table) else None
        return of_files(table, drawn, when, other, labelled.columns if labelled else ())
    assert labelled is not None, "a record is an event or a label"
    assert isinstance(labelled.table, Topic), "topics are not mixed with files"
    return of_topics(table, drawn, when, labelled.table, labelled.columns, labelled.matched)


def _heading(name: str, basis: Basis, asked: Asked, mapped: Sequence[str]) -> dict[str, str]:
    """Return what it is called, and how it is run: on files at once, on topics by a trainer."""
    module, on_files = name.replace("-", "_"), isinstance(basis.looked.table, Table)
    run = f"python {module}.py" if on_files else f"millrace up --kafka HOST:PORT --use-case {module}.py"
    task = "Classification" if asked.yes_no else "Regression"
    used = [it for it in IN_SOURCES if any(f"{it}(" in line for line in mapped)]
    return {
        "name": name,
        "module": module,
        "question": f"What will {basis.target.column} be?",
        "file": " and ".join(dict.fromkeys(it.name for it in (basis.looked, basis.labelled) if it)),
        "run": run,
        "names": "(\n" + "".join(f"    {it},\n" for it in sorted([*ALWAYS, *used, task])) + ")",
        "task": task,
        "tail": TAIL.format(module=module) if on_files else "",
    }


def _types(name: str, asked: Asked) -> dict[str, str]:
    """Return the event, the label, the profiles and the features."""
    stem, target, key = "".join(part.title() for part in name.split("-")), asked.by["target"], asked.by.get("key")
    return {
        "event": stem,
        "label": f"{stem}Truth",
        "fields": "\n".join(_fields(asked.fields, asked.by, asked.id)),
        "id": asked.id,
        "target": target.field,
        "asked": "        # ASK: is this what is to be foretold?\n" if target.guessed else "",
        "target_type": TYPES["yes-no" if asked.yes_no else "number"],
        "profiles": "\n".join(_profiles(target, key, asked.yes_no)),
        "features": "\n".join(_features(asked.fields, key)),
    }


def _contest(asked: Asked) -> dict[str, str]:
    """Return who competes."""
    numbers = [it.field for it in asked.fields if it.kind in ("number", "whole")]
    return {
        "numbers": names([*numbers, *asked.profiles]),
        "linear": "LogisticRegression" if asked.yes_no else "LinearRegression",
        "tree": YES_NO_TREE if asked.yes_no else REGRESSION_TREE,
        "residual": "" if asked.yes_no else f', on_residual_of="{asked.profiles[-1]}"',
        "baselines": "\n".join(f'        "{it}": lambda e, seen: seen.{it},' for it in asked.profiles),
    }


def _lasting(lying: Spans) -> dict[str, object]:
    """Return how long a label is waited for, and how long the stream may be silent."""
    silence = 2 * lying.silence
    return {
        "patience": max(PATIENCE, lying.wait + 1),
        "silence": f'    allowed_gap="{silence}d",\n' if silence > PATIENCE else "",
    }


def _fields(fields: Sequence[Column], by: Mapping[str, Column], own_id: str) -> list[str]:
    key = by.get("key")
    said = [_asked(f"    {own_id}: Id[str]", by.get("id"), "what names a row, once and for all?")]
    if "id" not in by:
        said[0] += "  # the row's number: no column names each row"
    if key:
        said.append(_asked(f"    {key.field}: Key[str]", key, "the entity it is about?"))
    else:
        said.append('    everything: Key[str] = "all"  # ASK: which column is the entity it is about?')
    for it in fields:
        kind = TYPES[it.kind]
        said.append(f"    {it.field}: {kind} | None = None" if it.missing else f"    {it.field}: {kind}")
    optional = [it for it in said if "= " in it.split("#")[0]]
    return [it for it in said if it not in optional] + optional


def _asked(line: str, column: Column | None, question: str) -> str:
    return f"{line}  # ASK: {question}" if column is not None and column.guessed else line


def _profiles(target: Column, key: Column | None, yes_no: bool) -> list[str]:
    value = (
        f"lambda _e, d: None if d.{target.field} is None else float(d.{target.field})"
        if yes_no
        else f'"{target.field}"'
    )
    said = [f"    overall = decayed_mean({value}, alpha=0.01, unseen=0.0)"]
    return [*said, f'    usual = decayed_mean({value}, by="{key.field}", alpha=0.05, unseen=0.0)'] if key else said


def _features(fields: Sequence[Column], key: Column | None) -> list[str]:
    made = [f'        "{it.field}": {_feature(it)},' for it in fields if not it.free]
    left = [it.field for it in fields if it.free]
    if left:
        made.append(f"        # Left out, as their texts hardly come again: {', '.join(left)}")
    return [*made, '        "overall": seen.overall,', *(['        "usual": seen.usual,'] if key else [])]


def _feature(it: Column) -> str:
    number = it.kind in ("number", "whole")
    taken = f"float(e.{it.field})" if number else f"e.{it.field}"
    if not it.missing:
        return taken
    stand_in = {"text": '"missing"', "yes-no": "False"}.get(it.kind, "0.0")
    return f"{stand_in} if e.{it.field} is None else {taken}"

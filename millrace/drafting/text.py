"""The text of a drafted use case: what is known is written, what is guessed is asked in a comment that begins with ASK."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from millrace.drafting.columns import Column, Wishes
from millrace.drafting.mapping import Labelled, When, names, source
from millrace.drafting.reading import Looked
from millrace.drafting.spans import spans

TYPES = {"number": "float", "whole": "int", "yes-no": "bool", "text": "str", "time": "datetime"}

HEAD = '''"""{question}

Drafted from {file}. Each line marked ASK is a guess: read it, then take the mark away. Run it: python {module}.py
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
        target=lambda d: d.{target},
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


if __name__ == "__main__":
    print({module}.rehearse())
'''

NAMES = (
    "Candidate",
    "Event",
    "Features",
    "Files",
    "Id",
    "Key",
    "Label",
    "Model",
    "Of",
    "Profiles",
    "Side",
    "Table",
    "Time",
    "Truth",
    "UseCase",
    "decayed_mean",
)
"""What a draft may need of `millrace`, beside its task."""
PATIENCE = 30
"""Days for which a label is waited, and how long a stream may be silent, where the table says nothing else."""
REGRESSION_TREE = 'HoeffdingTreeRegressor(leaf_prediction="mean", max_depth=8, memory_estimate_period=10**12)'
YES_NO_TREE = "HoeffdingTreeClassifier(max_depth=8, memory_estimate_period=10**12)"


def draft(
    name: str, question: str, looked: Looked, columns: Sequence[Column], wishes: Wishes, labelled: Labelled | None
) -> str:
    """Return the text of a use case on a table's columns, its labels among them or in a second table."""
    by: dict[str, Column] = {it.role: it for it in [*columns, *(labelled.columns if labelled else ())]}
    told = [it for it in columns if it.role == "field" and it.kind != "time"]
    fields = [it for it in told if it.column not in wishes.later]
    target, key = by["target"], by.get("key")
    yes_no = target.kind == "yes-no"
    own_id = by["id"].field if "id" in by else "row"
    task = "Classification" if yes_no else "Regression"
    profiles = ["overall", *(["usual"] if key else [])]
    lying = spans(looked.rows, by["time"], None if labelled else by.get("known_at"))
    drawn = [it for it in columns if it.column not in wishes.later]
    mapped = source(looked.table, drawn, When(wishes.delay, lying.moved), labelled)
    stem = "".join(part.title() for part in name.split("-"))
    files = " and ".join(it.path for it in [looked.table, *([labelled.table] if labelled else [])])
    return HEAD.format(
        question=question,
        file=files,
        module=name.replace("-", "_"),
        name=name,
        names="(\n" + "".join(f"    {it},\n" for it in _imported(task, mapped)) + ")",
        event=stem,
        label=f"{stem}Truth",
        fields="\n".join(_fields(fields, by, own_id)),
        id=own_id,
        target=target.field,
        target_type=TYPES["yes-no" if yes_no else "number"],
        profiles="\n".join(_profiles(target, key, yes_no)),
        features="\n".join(_features(fields, key)),
        numbers=names([it.field for it in fields if it.kind in ("number", "whole")] + profiles),
        linear="LogisticRegression" if yes_no else "LinearRegression",
        tree=YES_NO_TREE if yes_no else REGRESSION_TREE,
        residual="" if yes_no else f', on_residual_of="{profiles[-1]}"',
        task=task,
        baselines="\n".join(f'        "{it}": lambda e, seen: seen.{it},' for it in profiles),
        source="\n".join(mapped),
        patience=max(PATIENCE, lying.wait + 1),
        silence=f'    allowed_gap="{2 * lying.silence}d",\n' if 2 * lying.silence > PATIENCE else "",
    )


def _imported(task: str, mapped: Sequence[str]) -> list[str]:
    joined = any("Side(" in line for line in mapped)
    return sorted([*(it for it in NAMES if it != "Side" or joined), task])


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

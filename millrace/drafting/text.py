"""The text of a drafted use case: what is known is written, what is guessed is asked in a comment that begins with ASK."""

from __future__ import annotations

import json
from collections.abc import Sequence

from millrace.drafting.columns import Column, Wishes

TYPES = {"number": "float", "whole": "int", "yes-no": "bool", "text": "str", "time": "datetime"}

HEAD = '''"""{question}

Drafted from {file}. Each line marked ASK is a guess: read it, then take the mark away. Run it: python {module}.py
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from millrace import {names}

if TYPE_CHECKING:
    import pandas as pd


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


def rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table with columns named as the fields above, its times with a zone, rows without a time left out."""
    import pandas as pd

    named = frame.rename(
        columns={{
{renamed}
        }}
    )
{cleaning}
    return named[named["occurred_at"].notna() & named["{key_or_id}"].notna()]


{module} = UseCase(
    "{name}",
    "{question}",
    {event},
    Seen,
    features=features,
    task={task}(
        target=lambda d: d.{target},
        # ASK: how long after the event is its label waited for?
        truth=Truth(label={label}, patience="30d"),
    ),
    candidates={{
        "linear": Candidate(linear, only=NUMBERS{residual}),
        "tree": Candidate(tree),
    }},
    baselines={{
{baselines}
    }},
)


if __name__ == "__main__":
    import pandas as pd

    print({module}.rehearse(rows(pd.{reader})))
'''

NAMES = [
    "Candidate",
    "Event",
    "Features",
    "Id",
    "Key",
    "Label",
    "Model",
    "Of",
    "Profiles",
    "Truth",
    "UseCase",
    "decayed_mean",
]
REGRESSION_TREE = 'HoeffdingTreeRegressor(leaf_prediction="mean", max_depth=8, memory_estimate_period=10**12)'
YES_NO_TREE = "HoeffdingTreeClassifier(max_depth=8, memory_estimate_period=10**12)"


def draft(name: str, question: str, file: str, reader: str, columns: Sequence[Column], wishes: Wishes) -> str:
    """Return the text of a use case on a table's columns."""
    by: dict[str, Column] = {it.role: it for it in columns if it.role != "field"}
    fields = [it for it in columns if it.role == "field" and it.kind != "time"]
    target, key = by["target"], by.get("key")
    yes_no = target.kind == "yes-no"
    own_id = by["id"].field if "id" in by else "row"
    module = name.replace("-", "_")
    stem = "".join(part.title() for part in name.split("-"))
    task = "Classification" if yes_no else "Regression"
    used = sorted([*NAMES, task])
    features = _features(fields, key)
    profiles = ["overall", *(["usual"] if key else [])]
    return HEAD.format(
        question=question,
        file=file,
        module=module,
        name=name,
        names="(\n" + "".join(f"    {it},\n" for it in used) + ")",
        event=stem,
        label=f"{stem}Truth",
        fields="\n".join(_fields(fields, by, own_id)),
        id=own_id,
        target=target.field,
        target_type=TYPES["yes-no" if yes_no else "number"],
        profiles="\n".join(_profiles(target, key, yes_no)),
        features="\n".join(f'        "{it}": {made},' for it, made in features.items()),
        numbers=_tuple([it.field for it in fields if it.kind in ("number", "whole")] + profiles),
        linear="LogisticRegression" if yes_no else "LinearRegression",
        tree=YES_NO_TREE if yes_no else REGRESSION_TREE,
        renamed=_renamed(columns),
        cleaning="\n".join(_cleaning(columns, by, wishes, own_id)),
        residual="" if yes_no else f', on_residual_of="{profiles[-1]}"',
        key_or_id=key.field if key else own_id,
        task=task,
        baselines="\n".join(f'        "{it}": lambda e, seen: seen.{it},' for it in profiles),
        reader=reader,
    )


def _fields(fields: Sequence[Column], by: dict[str, Column], own_id: str) -> list[str]:
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


def _features(fields: Sequence[Column], key: Column | None) -> dict[str, str]:
    made = {it.field: _feature(it) for it in fields}
    return {**made, "overall": "seen.overall", **({"usual": "seen.usual"} if key else {})}


def _feature(it: Column) -> str:
    number = it.kind in ("number", "whole")
    if not it.missing:
        return f"float(e.{it.field})" if number else f"e.{it.field}"
    stand_in = {"text": '"missing"', "yes-no": "False"}.get(it.kind, "0.0")
    taken = f"float(e.{it.field})" if number else f"e.{it.field}"
    return f"{stand_in} if e.{it.field} is None else {taken}"


def _tuple(names: Sequence[str]) -> str:
    return ", ".join(f'"{it}"' for it in names) + ("," if len(names) == 1 else "")


def _renamed(columns: Sequence[Column]) -> str:
    to = {"time": "occurred_at", "known_at": "known_at"}
    pairs = {it.column: to.get(it.role, it.field) for it in columns}
    return "\n".join(f"            {_quoted(old)}: {_quoted(new)}," for old, new in pairs.items() if old != new)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _time(field: str, column: Column) -> list[str]:
    form = f", format={_quoted(column.forms[0])}" if column.forms else ""
    asked = [f"    # ASK: or is it {_quoted(it)}?" for it in column.forms[1:]]
    return [*asked, f'    named["{field}"] = pd.to_datetime(named["{field}"], utc=True{form})']


def _cleaning(columns: Sequence[Column], by: dict[str, Column], wishes: Wishes, own_id: str) -> list[str]:
    said = [
        "    # ASK: are times without a zone UTC?" if by["time"].guessed else "    # Times without a zone are UTC.",
        *_time("occurred_at", by["time"]),
    ]
    if "known_at" in by:
        said += _time("known_at", by["known_at"])
    else:
        said += [
            "    # ASK: when is the truth known? A score with the wrong delay is a leak.",
            f'    named["known_at"] = named["occurred_at"] + pd.Timedelta("{wishes.delay}")',
        ]
    if "id" not in by:
        said.append(f'    named["{own_id}"] = range(len(named))')
    texts = [it.field for it in columns if it.kind == "text" or it.role in ("id", "key")]
    texts += [own_id] if own_id not in texts else []
    said.append(f"    for column in ({_tuple(texts)}):")
    said.append('        named[column] = named[column].map(str, na_action="ignore")')
    for it in (it for it in columns if it.kind == "yes-no"):
        said.append(f'    named["{it.field}"] = named["{it.field}"].map(')
        said.append('        lambda it: str(it).lower() in ("true", "t", "yes", "y", "1"), na_action="ignore"')
        said.append("    )")
    return said

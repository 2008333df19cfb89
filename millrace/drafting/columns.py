"""What the columns of a table are: id, key, time, target, numbers, categories; guessed, and where it is a guess, asked."""

from __future__ import annotations

import keyword
import re
from typing import TYPE_CHECKING, Literal, NamedTuple

from millrace.domain.errors import Refused

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["time", "number", "whole", "yes-no", "text"]
Role = Literal["id", "key", "time", "target", "known_at", "field"]

YES_NO = ({"yes", "no"}, {"y", "n"}, {"true", "false"}, {"t", "f"})
DAYS = (
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d.%m.%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%Y/%m/%d",
    "%d %b %Y",
    "%b %d, %Y",
    "%d/%m/%y",
    "%m/%d/%y",
)
FORMS = (
    "ISO8601",
    *(f"{day}{hour}" for day in DAYS for hour in ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")),
)
"""How times are written, as pandas and `strptime` name it. ISO 8601 first."""
MOST = 0.95
"""Share of a column's values that must read as a time for it to be one."""


class Wishes(NamedTuple):
    """Columns the author named, and how long after an event its label is known when no column says it."""

    target: str | None = None
    time: str | None = None
    id: str | None = None
    key: str | None = None
    known_at: str | None = None
    delay: str = "1h"


class Column(NamedTuple):
    """One column: its name in the table, its name as a field, what it holds, what it is for; `guessed` if nobody said.

    `forms` are those in which its texts read as times.
    """

    column: str
    field: str
    kind: Kind
    role: Role
    missing: bool
    guessed: bool = False
    forms: tuple[str, ...] = ()


def looked_at(frame: pd.DataFrame, wishes: Wishes) -> list[Column]:
    """Return what each column is; raise `Refused` for a column that is not there, or when none holds a time."""
    for name in (wishes.target, wishes.time, wishes.id, wishes.key, wishes.known_at):
        if name is not None and name not in frame.columns:
            raise Refused(f"there is no column {name!r}; there are: {', '.join(map(str, frame.columns))}", field=name)
    kinds = {str(name): kind_of(frame[name]) for name in frame.columns}
    roles = _roles(frame, kinds, wishes)
    named = {name for name in wishes if name is not None}
    taken: set[str] = set()
    found = []
    for name, kind in kinds.items():
        role = roles.get(name, "field")
        forms = tuple(forms_of(frame[name])) if kind == "time" else ()
        guessed = role != "field" and name not in named
        found.append(Column(name, _field(name, taken), kind, role, bool(frame[name].isna().any()), guessed, forms))
    return found


def kind_of(values: pd.Series) -> Kind:
    """Return what a column holds."""
    import pandas as pd

    known = values.dropna()
    if pd.api.types.is_datetime64_any_dtype(values):
        return "time"
    if pd.api.types.is_bool_dtype(values) or {str(it).lower() for it in known.unique()[:3]} in YES_NO:
        return "yes-no"
    if pd.api.types.is_numeric_dtype(values):
        return "whole" if len(known) and (known % 1 == 0).all() else "number"
    return "time" if forms_of(known) else "text"


def forms_of(values: pd.Series) -> list[str]:
    """Return the forms in which a column's texts read as times; several when the day could be the month."""
    import pandas as pd

    texts = values.dropna().astype(str)
    if pd.api.types.is_numeric_dtype(values) or not len(texts):
        return []
    return [it for it in FORMS if pd.to_datetime(texts, errors="coerce", utc=True, format=it).notna().mean() >= MOST]


def _roles(frame: pd.DataFrame, kinds: dict[str, Kind], wishes: Wishes) -> dict[str, Role]:
    roles: dict[str, Role] = {}
    time = wishes.time or next((name for name, kind in kinds.items() if kind == "time"), None)
    if time is None:
        raise Refused("no column reads as a time: name the one that says when it happened, as in --time COLUMN")
    roles[time] = "time"
    if wishes.known_at:
        roles[wishes.known_at] = "known_at"
    free = [name for name in kinds if name not in roles]
    spoken_for = {wishes.target, wishes.key}
    unique = [it for it in free if it not in spoken_for and frame[it].is_unique and kinds[it] in ("text", "whole")]
    chosen = wishes.id or next((it for it in unique if re.search(r"id|no$|number|key|index", it, re.IGNORECASE)), None)
    if chosen:
        roles[chosen] = "id"
    target = wishes.target or _last(kinds, [it for it in free if it not in roles and it != wishes.key])
    if target is None:
        raise Refused("no column could be foretold: name the one to learn, as in --target COLUMN")
    roles[target] = "target"
    key = wishes.key or _most_returning(
        frame, [it for it in free if it not in roles and kinds[it] in ("text", "whole")]
    )
    return roles if key is None else {**roles, key: "key"}


def _last(kinds: dict[str, Kind], free: list[str]) -> str | None:
    fitting = [it for it in free if kinds[it] in ("number", "whole", "yes-no")]
    return fitting[-1] if fitting else None


def _most_returning(frame: pd.DataFrame, free: list[str]) -> str | None:
    """Return the column, texts before numbers, with the most different values that still come again: ten rows to each."""
    counts = {it: frame[it].nunique() for it in free if not frame[it].isna().any()}
    fitting = {it: count for it, count in counts.items() if 1 < count <= len(frame) / 10}
    texts = {it: count for it, count in fitting.items() if kind_of(frame[it]) == "text"} or fitting
    return max(texts, key=lambda it: texts[it]) if texts else None


def _field(name: str, taken: set[str]) -> str:
    """Return a column's name as a field's: small letters, digits and underscores, and no other field's."""
    field = re.sub(r"\W+", "_", re.sub(r"([a-z])([A-Z])", r"\1_\2", name)).strip("_").lower() or "column"
    field = f"f_{field}" if field[0].isdigit() else field
    while field in taken or keyword.iskeyword(field) or field in ("occurred_at", "known_at"):
        field += "_"
    taken.add(field)
    return field

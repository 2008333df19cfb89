"""What the columns of a table are for: id, key, time, target, fields; guessed, and where it is a guess, asked."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from millrace.domain.errors import Refused
from millrace.drafting.values import Kind, forms_of, is_nothing, kind_of

Role = Literal["id", "key", "time", "target", "known_at", "of", "field"]
Rows = Sequence[Mapping[str, Any]]
LINE = "$line"

PARTS = ((r"year|yr", "%Y"), (r"month|mon|mo", "%m"), (r"day|dy", "%d"), (r"hour|hr", "%H"))
"""Names of columns that together say when, the greatest first, and how each is written."""
FREE_TEXT = 0.3
"""A column of texts with more different ones than this share of its rows tells one row from another, and no more."""


class Wishes(NamedTuple):
    """Columns the author named, and how long after an event its label is known when no column says it.

    `later` are columns that are known only with the label; `of` is the one that names the event, among labels elsewhere.
    """

    target: str | None = None
    time: str | None = None
    id: str | None = None
    key: str | None = None
    known_at: str | None = None
    delay: str = "1h"
    later: tuple[str, ...] = ()
    of: str | None = None


class Column(NamedTuple):
    """One column: its name in the table, its name as a field, what it holds, what it is for; `guessed` if nobody said.

    `missing` are the texts that stand for nothing in it (`""` for a cell that is empty or not there), `texts` those of a
    column of yes and no, `forms` the ways in which its texts read as times, `parts` the columns a time is made of;
    `free` says that it holds texts that hardly come again.
    """

    column: str
    field: str
    kind: Kind
    role: Role
    missing: tuple[str, ...] = ()
    guessed: bool = False
    forms: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    free: bool = False


class _Seen(NamedTuple):
    """A column's values."""

    kind: Kind
    known: list[Any]
    distinct: int
    missing: tuple[str, ...]


def looked_at(rows: Rows, wishes: Wishes, learnt: bool = True) -> list[Column]:
    """Return what each column is for; raise `Refused` for a column that is not there.

    Without `learnt` no target is sought: the truth is in another file. A time that is made of several columns, or of the
    order of the rows because no column says when, comes last.
    """
    seen = _seen(rows)
    for name in (*wishes[:5], *wishes.later):
        if name is not None and name not in seen:
            raise Refused(f"there is no column {name!r}; there are: {', '.join(seen)}", field=name)
    when = _when(seen, wishes)
    roles = _roles(seen, wishes, when, learnt)
    named = {name for name in wishes[:5] if name is not None}
    taken: set[str] = set()
    found = [_column(name, it, roles.get(name, "field"), named, taken) for name, it in seen.items()]
    return found if when.role == "time" and when.column in seen else [*found, when]


def labels_looked_at(rows: Rows, events: Sequence[Column], wishes: Wishes) -> list[Column]:
    """Return what each column of a table of labels is for; raise `Refused` where it has none to learn, or one named is not there.

    What the events do not say goes before what labels repeat of them.
    """
    seen = _seen(rows)
    for name in (wishes.of, wishes.known_at, wishes.target):
        if name is not None and name not in seen:
            raise Refused(f"the labels have no column {name!r}; they have: {', '.join(seen)}", field=name)
    of = wishes.of or next((it.column for it in events if it.role == "id" and it.column in seen), None)
    roles: dict[str, Role] = {of: "of"} if of else {}
    told = {it.column for it in events}
    new = sorted((it for it in seen if it not in roles), key=lambda it: (it.startswith("$"), it in told))
    if known := wishes.known_at or next((it for it in new if seen[it].kind == "time"), None):
        roles[known] = "known_at"
    target = wishes.target or _last(seen, [it for it in new if it not in told]) or _last(seen, new)
    if target is None:
        raise Refused(f"the labels have no column to learn; they have: {', '.join(seen)}. Name one with --target")
    roles[target] = "target"
    taken: set[str] = set()
    named = {it for it in (wishes.target, wishes.known_at, wishes.of) if it}
    return [_column(name, seen[name], role, named, taken) for name, role in roles.items()]


def _seen(rows: Rows) -> dict[str, _Seen]:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return {name: _values(name, [row.get(name) for row in rows]) for name in names}


def _values(name: str, values: list[Any]) -> _Seen:
    known = [it for it in values if not is_nothing(it)]
    nothing = {it if isinstance(it, str) else "" for it in values if is_nothing(it)}
    return _Seen(kind_of(name, known), known, len(set(map(str, known))), tuple(sorted(nothing)))


def _column(name: str, it: _Seen, role: Role, named: set[str], taken: set[str]) -> Column:
    kind = "yes-no" if role == "target" and {str(value) for value in it.known} == {"0", "1"} else it.kind
    texts = {value for value in it.known if isinstance(value, str)} if kind == "yes-no" else set()
    return Column(
        name,
        _field(name, taken),
        kind,
        role,
        it.missing,
        role not in ("field", "of") and name not in named,
        tuple(forms_of(name, it.known)) if kind == "time" else (),
        tuple(sorted(texts)),
        free=kind == "text" and it.distinct > FREE_TEXT * len(it.known),
    )


def _when(seen: Mapping[str, _Seen], wishes: Wishes) -> Column:
    """Return the column that says when; else several that say it together; else the order of the rows."""
    if wishes.time and seen[wishes.time].kind != "time":
        shown = seen[wishes.time].known[:1]
        raise Refused(f"column {wishes.time!r} does not read as a time: it has {shown[0] if shown else 'nothing'!r}")
    parts = _parts(seen)
    whole = [name for name, it in seen.items() if it.kind == "time" and (not parts or name != parts[0][0])]
    one = wishes.time or next((it for it in whole if it != wishes.known_at), None)
    if one is None and parts:
        made, form = tuple(name for name, _ in parts), " ".join(it for _, it in parts)
        return Column(" ".join(made), "occurred_at", "time", "time", (), True, (form,), parts=made)
    return Column(one or LINE, "occurred_at", "time", "time", (), True)


def _parts(seen: Mapping[str, _Seen]) -> list[tuple[str, str]]:
    """Return the columns that together say when: a year, and as many of month, day and hour as there are."""
    found: list[tuple[str, str]] = []
    for names, form in PARTS:
        fits = [it for it in seen if re.fullmatch(names, it, re.IGNORECASE) and not seen[it].missing]
        if not fits:
            break
        found.append((fits[0], form))
    return found if len(found) > 1 else []


def _roles(seen: Mapping[str, _Seen], wishes: Wishes, when: Column, learnt: bool) -> dict[str, Role]:
    roles: dict[str, Role] = {} if when.column not in seen else {when.column: "time"}
    if wishes.known_at and learnt:
        roles[wishes.known_at] = "known_at"
    spoken_for = {wishes.target, wishes.key, *when.parts, *wishes.later}
    free = [name for name in seen if name not in roles]
    unique = [it for it in free if it not in spoken_for and _is_unique(seen[it])]
    chosen = wishes.id or next((it for it in unique if re.search(r"id$|no$|number|key|index", it, re.IGNORECASE)), None)
    if chosen:
        roles[chosen] = "id"
    open_ = [it for it in free if it not in roles and it not in spoken_for]
    target = (wishes.target or _last(seen, open_)) if learnt else None
    if learnt and target is None:
        raise Refused("no column could be foretold: name the one to learn, as in --target COLUMN")
    key = wishes.key or _most_returning(seen, [it for it in open_ if it != target])
    return {**roles, **({target: "target"} if target else {}), **({key: "key"} if key else {})}


def _is_unique(it: _Seen) -> bool:
    return not it.missing and it.kind in ("text", "whole") and it.distinct == len(it.known)


def _last(seen: Mapping[str, _Seen], free: Sequence[str]) -> str | None:
    fitting = [it for it in free if seen[it].kind in ("number", "whole", "yes-no") and not it.startswith("$")]
    return fitting[-1] if fitting else None


def _most_returning(seen: Mapping[str, _Seen], free: Sequence[str]) -> str | None:
    """Return the column of names with the most different values that still come again: ten rows to each."""
    fitting = {name: seen[name].distinct for name in free if _returns(name, seen[name])}
    return max(fitting, key=lambda it: fitting[it]) if fitting else None


def _returns(name: str, it: _Seen) -> bool:
    is_name = it.kind == "text" or (it.kind == "whole" and re.search(r"(id|no|number|code)$", name, re.IGNORECASE))
    return bool(is_name) and not it.missing and 1 < it.distinct <= len(it.known) / 10


def _field(name: str, taken: set[str]) -> str:
    """Return a column's name as a field's: small letters, digits and underscores, and no other field's."""
    field = re.sub(r"\W+", "_", re.sub(r"([a-z])([A-Z])", r"\1_\2", name)).strip("_").lower() or "column"
    field = f"f_{field}" if field[0].isdigit() else field
    while field in taken or keyword.iskeyword(field) or field in ("occurred_at", "known_at"):
        field += "_"
    taken.add(field)
    return field

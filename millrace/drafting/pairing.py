"""Which field names an event, and which field of the labels names it again: found by the values that both have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from millrace.domain.errors import Refused
from millrace.drafting.columns import Wishes
from millrace.drafting.values import is_nothing, kind_of

Rows = Sequence[Mapping[str, Any]]

UNIQUE = 0.95
"""Share of a field's values that differ, at least, for it to name what it is of: a record may have come twice."""
CLOSE = 0.5
"""Of the fields that fit, those with this share of the most matches are all believed; then names decide."""
OFTEN = 0.01
"""Share of the labels that must name an event that was looked at: fewer are chance."""


class Pair(NamedTuple):
    """The events' field and the labels' field that name an event; how many `labels` there are, how many `matched`."""

    id: str
    of: str
    matched: int
    labels: int


def paired(events: Rows, labels: Rows, wishes: Wishes, *, same: bool = False) -> Pair | None:
    """Return the fields that name an event in both; `None` where no label names an event, unless the author named both.

    `same` says that both come from one topic: then the field is one, and several records may tell of an event. Raises
    `Refused` where a field was named that is not there.
    """
    ids = _names(events, wishes.id, 0 if same else UNIQUE)
    ofs = _names(labels, wishes.of or (wishes.id if same else None), UNIQUE)
    found = [
        Pair(own, other, len(values & others), len(others))
        for own, values in ids.items()
        for other, others in ofs.items()
        if own == other or not same
    ]
    if wishes.id and wishes.of:
        return _best(found)
    return _best([it for it in found if it.matched > OFTEN * it.labels])


def _best(found: Sequence[Pair]) -> Pair | None:
    most = max((it.matched for it in found), default=0)
    believed = [it for it in found if it.matched >= CLOSE * most]
    return max(believed, key=lambda it: (_alike(it), not it.id.startswith("$"), it.matched), default=None)


def _alike(it: Pair) -> int:
    """Return how alike the names of two fields are: the same, one within the other, or not."""
    one, other = (name.rpartition(".")[2].lower() for name in (it.id, it.of))
    return 2 if one == other else int(one in other or other in one)


def _names(rows: Rows, wished: str | None, share: float) -> dict[str, set[str]]:
    """Return the fields that may name what the rows are of, with their values as texts."""
    fields = dict.fromkeys(name for row in rows for name in row)
    if wished is not None:
        if wished not in fields:
            raise Refused(f"there is no field {wished!r}; there are: {', '.join(fields)}", field=wished)
        return {wished: {str(it) for it in _known(rows, wished)}}
    return {name: values for name in fields if (values := _values(rows, name, share))}


def _values(rows: Rows, name: str, share: float) -> set[str]:
    known = _known(rows, name)
    values = {str(it) for it in known}
    if len(known) < UNIQUE * len(rows) or len(values) < share * len(known) or kind_of(name, known) not in NAMING:
        return set()
    return values


NAMING = ("text", "whole")
"""What a name is written in."""


def _known(rows: Rows, name: str) -> list[Any]:
    return [it for row in rows if not is_nothing(it := row.get(name))]

"""What a use case is drafted from: what was looked at, what its columns are for, what the author said."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from millrace.domain.sources import Table, Topic
from millrace.drafting.columns import Column, Wishes, labels_looked_at, looked_at
from millrace.drafting.reading import Looked, look


class Labelled(NamedTuple):
    """Where the truth is, when it is elsewhere: how that is laid out, and what its columns are for.

    `matched` says in words how many of those looked at name an event that was looked at, `wait` how many days they took at most.
    """

    table: Table | Topic
    columns: Sequence[Column]
    matched: str = ""
    wait: int = 0

    @property
    def name(self) -> str:
        """The file's path, the topic's name."""
        return self.table.path if isinstance(self.table, Table) else self.table.name


class Basis(NamedTuple):
    """The events as looked at, the truth where it is elsewhere, what was wished. `told` are words for whoever asked."""

    looked: Looked
    columns: Sequence[Column]
    labelled: Labelled | None
    wishes: Wishes
    told: Sequence[str] = ()

    @property
    def found(self) -> list[Column]:
        """Every column that has a part in it."""
        return [*self.columns, *(self.labelled.columns if self.labelled else ())]

    @property
    def target(self) -> Column:
        """The column to learn."""
        return next(it for it in self.found if it.role == "target")


def of_files(events: Path, labels: Path | None, wishes: Wishes) -> Basis:
    """Return what a table says, with a second one that has the truth; raise `Refused` where that cannot be learnt."""
    looked = look(events)
    if labels is None:
        return Basis(looked, looked_at(looked.rows, wishes), None, wishes)
    columns = looked_at(looked.rows, wishes._replace(target=None, known_at=None), learnt=False)
    other = look(labels)
    truth = labels_looked_at(other.rows, columns, wishes)
    return Basis(looked, columns, Labelled(other.table, truth), wishes)

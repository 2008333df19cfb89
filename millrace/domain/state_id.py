"""The name of one exact state."""

from __future__ import annotations

import re
from typing import NamedTuple

from millrace.domain.errors import Refused

_FORM = re.compile(r"(?P<use_case>[a-z0-9][a-z0-9-]*)\.(?P<shard>\d+)\.(?P<epoch>\d+)\.(?P<offset>\d+)(?:~(?P<n>\d+))?")


class StateId(NamedTuple):
    """`<use-case>.<shard>.<epoch>.<journal offset>`, plus `~n` for n records after that entry.

    >>> str(StateId("flight", 0, 1, 7, 3))
    'flight.0.1.7~3'
    >>> StateId.parse("flight.0.1.7") == StateId("flight", 0, 1, 7)
    True
    """

    use_case: str
    shard: int
    epoch: int
    offset: int
    after: int | None = None

    def __str__(self) -> str:
        base = f"{self.use_case}.{self.shard}.{self.epoch}.{self.offset}"
        return base if self.after is None else f"{base}~{self.after}"

    @classmethod
    def parse(cls, text: str) -> StateId:
        """Read a state id; raise `Refused` when it is none."""
        found = _FORM.fullmatch(text)
        if found is None:
            raise Refused(
                f"{text!r} is not a state id: it looks like use-case.0.1.4711 or use-case.0.1.4711~12",
                field="state_id",
            )
        after = found["n"]
        return cls(
            found["use_case"],
            int(found["shard"]),
            int(found["epoch"]),
            int(found["offset"]),
            None if after is None else int(after),
        )

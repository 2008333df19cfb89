"""What a check found."""

from __future__ import annotations

from typing import Literal

import msgspec

from millrace.domain.errors import UseCaseError

Level = Literal["wrong", "note"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One fault: which rule, where, what is wrong (with the value) and what to do. A note does not fail the check."""

    rule: str
    file: str
    line: int
    words: str
    do: str
    level: Level = "wrong"

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.words}. {self.do} [{self.rule}]"


class Flawed(UseCaseError):
    """A file from which no use case could be made; `finding` says why and where."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding))
        self.finding = finding

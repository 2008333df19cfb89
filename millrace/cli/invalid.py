"""Settings that are impossible, in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


def words(error: ValueError) -> str | None:
    """Return what is wrong with which setting, or `None` when the error is about something else."""
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        return None
    return "\n  ".join(["a setting is missing or impossible (`millrace doctor` explains them all):", *lines(error)])


def lines(error: ValidationError, *, missing: bool = True) -> list[str]:
    """Return one line a setting: its variable, what is wrong, its value; `missing` says whether to name those not set."""
    return [
        f"MILLRACE_{'_'.join(str(it) for it in each['loc'][:1]).upper()}: {_one(each['type'], each['msg'], each['input'])}"
        for each in error.errors()
        if missing or each["type"] != "missing"
    ]


def _one(kind: str, message: str, given: object) -> str:
    return "is not set, and must be" if kind == "missing" else f"{message}; it is {given!r}"

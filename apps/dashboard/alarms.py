"""Drift alarms as rows ready to be shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from apps.dashboard import words
from millrace.domain.records import Alarm

DETECTORS = {"psi": "PSI", "page-hinkley": "Page-Hinkley"}


@dataclass(frozen=True)
class Raised:
    """One alarm. `told` says what has drifted, `found` by how much, `also` what moved with it."""

    at: str
    told: str
    found: str
    also: str
    event: str
    state: str


def raised(alarms: Iterable[Alarm], use_case: str) -> list[Raised]:
    """Return a row an alarm, in the order given."""
    return [_raised(it, use_case) for it in alarms]


def _raised(it: Alarm, use_case: str) -> Raised:
    found = f"{DETECTORS[it.detector]} {words.short(it.value)}, alarm above {words.short(it.threshold)}"
    return Raised(
        at=words.minute(it.at),
        told=_told(it),
        found=found,
        also=", ".join(map(words.title, it.also)),
        event=f"{it.event:,}",
        state=words.state(it.state_id, use_case),
    )


def _told(it: Alarm) -> str:
    if it.what == "error":
        return f"{it.name} errs more than it did"
    if it.what == "prediction":
        return "What the champion predicts is not what it was"
    return f"{words.title(it.name)} is not what it was"

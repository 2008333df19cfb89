"""The log files of parts: one a part, rotated at start and when they grow."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec

KEPT = 3
LARGEST = 20_000_000
_TAIL = 8_192


def rotate(file: Path) -> None:
    """Move a log file away, to `.1`, and what was there to `.2`, …"""
    if not file.exists():
        return
    _make_room(file)
    file.replace(_older(file, 1))


def shorten(file: Path, largest: int = LARGEST) -> None:
    """Rotate a log file that grew too large while a process writes to it: copied, then cut.

    Whoever writes has opened it to append, and goes on at its new end.
    """
    if file.exists() and file.stat().st_size > largest:
        _make_room(file)
        shutil.copyfile(file, _older(file, 1))
        with file.open("r+b") as out:
            out.truncate()


def last_line(file: Path) -> str:
    """Return the last line that says something; empty when there is none."""
    if not file.exists():
        return ""
    with file.open("rb") as log:
        log.seek(max(0, file.stat().st_size - _TAIL))
        lines = log.read().decode(errors="replace").splitlines()
    return _words(next((line.strip() for line in reversed(lines) if line.strip()), ""))


def _words(line: str) -> str:
    """Return a line for people: of a JSON log line, what happened and why."""
    try:
        found = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return line
    if not isinstance(found, dict) or "event" not in found:
        return line
    why = found.get("reason") or found.get("exception") or ""
    return f"{found['event']}: {why}" if why else str(found["event"])


def _make_room(file: Path) -> None:
    for number in range(KEPT - 1, 0, -1):
        if _older(file, number).exists():
            _older(file, number).replace(_older(file, number + 1))


def _older(file: Path, number: int) -> Path:
    return file.with_name(f"{file.name}.{number}")

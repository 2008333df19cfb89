"""What a session's profile remembers: count and sum since the last pause. A session window, by event time."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from millrace.domain.profiles import ProfileSpec
from millrace.domain.times import Micros


class Session:
    """A cell is (how many, their sum, time of the newest). It takes the same room however long a session is."""

    def __init__(self, spec: ProfileSpec) -> None:
        assert spec.window is not None
        self.cells: dict[Hashable, tuple[int, float, Micros]] = {}
        self._gap = spec.window
        self._kind = spec.kind
        self._unseen = spec.unseen

    def value(self, key: Hashable, at: Micros) -> Any:
        """Return the count, sum or mean of the session that has not ended by a moment, or `unseen`."""
        cell = self.cells.get(key)
        if cell is None or cell[2] <= at - self._gap:
            return self._unseen
        many, total, _ = cell
        if self._kind == "session_count":
            return many
        return total if self._kind == "session_sum" else total / many

    def add(self, key: Hashable, value: Any, at: Micros) -> None:
        """Add a value to the session, or begin the next. One that comes late counts into the session at hand."""
        cell = self.cells.get(key)
        number = float(value) if self._kind != "session_count" else 0.0
        if cell is None or cell[2] <= at - self._gap:
            self.cells[key] = (1, number, at)
        else:
            self.cells[key] = (cell[0] + 1, cell[1] + number, max(cell[2], at))

    def forget(self, at: Micros) -> None:
        """Drop sessions that have ended."""
        for key in [key for key, cell in self.cells.items() if cell[2] <= at - self._gap]:
            del self.cells[key]

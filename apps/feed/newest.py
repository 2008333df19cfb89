"""The newest few of many, in whatever order they come. Pure."""

from __future__ import annotations

from heapq import heappush, heappushpop

from millrace.domain.times import Micros


class Newest:
    """The ids of what was written last to the log (`written`, milliseconds), and of what is newest among those."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._heap: list[tuple[int, Micros, str]] = []

    def add(self, written: int, at: Micros, id_: str) -> None:
        """Add one; an older one may go."""
        put = heappush if len(self._heap) < self._kept else heappushpop
        put(self._heap, (written, at, id_))

    def all(self) -> list[str]:
        """Return the ids, newest first, each once."""
        return list(dict.fromkeys(id_ for _, _, id_ in sorted(self._heap, reverse=True)))

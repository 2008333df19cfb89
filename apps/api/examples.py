"""Events to ask about, made from events met lately."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import msgspec

from apps.api.events import OCCURRED_AT
from millrace.domain.usecase import AnyUseCase

_DECIMALS = 6


class Examples:
    """Draws events of one use case: one met lately, its measures moved towards those of another, under a new id."""

    def __init__(self, use_case: AnyUseCase, id_field: str, new_id: Callable[[], object]) -> None:
        self._read: Callable[[bytes], Any] = msgspec.json.Decoder(use_case.event).decode
        self._id_field = id_field
        self._new_id = new_id
        self._kept = {id_field, OCCURRED_AT}

    def draw(self, recent: Sequence[bytes], seed: int | None) -> bytes:
        """Return an event as JSON; the same for the same seed and the same recent events."""
        rng = Random(seed)  # noqa: S311 - nothing depends on nobody guessing it
        base, other = (msgspec.json.decode(rng.choice(recent)) for _ in range(2))
        varied = {name: self._vary(name, value, other.get(name), rng) for name, value in base.items()}
        new_id = self._new_id()
        if new_id is not None and seed is None:
            varied[self._id_field] = new_id
        drawn = msgspec.json.encode(varied)
        return drawn if self._fits(drawn) else msgspec.json.encode(base)

    def _vary(self, name: str, value: object, other: object, rng: Random) -> object:
        """Move a measure between two that were met, so that it stays within every bound; leave the rest as it is."""
        if name in self._kept or not isinstance(value, float) or not isinstance(other, float):
            return value
        digits = max(_decimals(value), _decimals(other))
        return round(value + rng.random() * (other - value), digits)

    def _fits(self, drawn: bytes) -> bool:
        try:
            self._read(drawn)
        except msgspec.ValidationError:
            return False
        return True


def _decimals(value: float) -> int:
    """Return how many digits after the point a number was written with."""
    return min(len(repr(value).partition(".")[2]) if "e" not in repr(value) else _DECIMALS, _DECIMALS)

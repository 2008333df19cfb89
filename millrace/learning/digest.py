"""The digest of a state: equal for equal states, whatever process, hash seed or object identity made them.

A plain pickle differs with memoised strings and the order of sets, so the state is pickled by Python-level rules: texts,
bytes, numbers and moments are never memoised, sets are sorted, and what is known to differ without ever mattering is left out.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from datetime import datetime
from hashlib import blake2b
from typing import Any, ClassVar

LEFT_OUT = {("river.proba.gaussian", "Gaussian"): ("_rng",)}
"""Attributes left out, by class. River's `Gaussian` seeds `_rng` from the operating system; it serves sampling only, and
neither learning nor predicting samples (a test holds this)."""


class _Hash(io.RawIOBase):
    """A file that keeps only the hash of what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.hash = blake2b(digest_size=16)

    def write(self, data: Any) -> int:
        """Hash some bytes."""
        self.hash.update(data)
        return len(data)


_PythonPickler: Any = pickle._Pickler  # noqa: SLF001 - only the Python-level one has hooks for texts and sets


class _Canonical(_PythonPickler):  # type: ignore[misc]
    """Pickles equal things to equal bytes."""

    dispatch: ClassVar[dict[type, Callable[..., None]]] = dict(_PythonPickler.dispatch)

    def memoize(self, obj: Any) -> None:
        """Memoise containers and objects only: whether two equal texts, numbers or moments are one object is chance."""
        if not isinstance(obj, str | bytes | int | float | datetime):
            super().memoize(obj)

    def reducer_override(self, obj: Any) -> Any:
        """Leave out, by name, what differs and never matters."""
        names = LEFT_OUT.get((type(obj).__module__, type(obj).__qualname__))
        if names is None:
            return NotImplemented
        state = {name: value for name, value in vars(obj).items() if name not in names}
        return object.__new__, (type(obj),), state

    def save_set(self, obj: set[Any] | frozenset[Any]) -> None:
        """Pickle a set in the order of its members' own bytes."""
        self.save((type(obj).__name__, sorted(_bytes(member) for member in obj)))

    dispatch[set] = save_set
    dispatch[frozenset] = save_set


def _bytes(obj: Any) -> bytes:
    out = io.BytesIO()
    _Canonical(out, protocol=5).dump(obj)
    return out.getvalue()


def digest(state: Any) -> str:
    """Return the hex digest of a state made of plain data and picklable objects. About 8 MB a second."""
    out = _Hash()
    _Canonical(out, protocol=5).dump(state)
    return out.hash.hexdigest()

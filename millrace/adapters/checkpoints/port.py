"""Where checkpoints and model artifacts are kept: an object store with conditional writes."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Pointer(NamedTuple):
    """A small object that is moved by compare-and-swap: its bytes and the ETag it had."""

    value: bytes
    etag: str


class ObjectStore(Protocol):
    """One bucket. Every call raises `Unreachable` when the store does not answer in time or refuses."""

    async def put(self, key: str, data: bytes) -> None:
        """Keep an object, whole or not at all; an object already there is replaced."""

    async def get(self, key: str) -> bytes | None:
        """Return an object, or `None` when there is none."""

    async def keys(self, prefix: str) -> list[str]:
        """Return the keys under a prefix, sorted."""

    async def delete(self, key: str) -> None:
        """Remove an object; nothing happens when there is none."""

    async def read_pointer(self, key: str) -> Pointer | None:
        """Return a pointer object, or `None`."""

    async def move_pointer(self, key: str, value: bytes, *, expected: str | None) -> bool:
        """Write a pointer object if its ETag is still `expected` (`None`: if there is none); tell whether it was."""

    def url(self, key: str) -> str:
        """Return an object's address as other tools name it, `s3://bucket/key`."""

    async def close(self) -> None:
        """Let go of every connection."""

"""The twin of an object store, in memory."""

from __future__ import annotations

from hashlib import sha256

from millrace.adapters.checkpoints.port import Pointer


class MemoryStore:
    """One bucket that lasts as long as the process. Conditional writes are atomic: nothing awaits inside."""

    def __init__(self, bucket: str = "memory") -> None:
        self._bucket = bucket
        self._objects: dict[str, bytes] = {}

    async def put(self, key: str, data: bytes) -> None:
        """Keep an object; an object already there is replaced."""
        self._objects[key] = bytes(data)

    async def get(self, key: str) -> bytes | None:
        """Return an object, or `None` when there is none."""
        return self._objects.get(key)

    async def keys(self, prefix: str) -> list[str]:
        """Return the keys under a prefix, taken as a folder, sorted."""
        folder = prefix.rstrip("/") + "/" if prefix else ""
        return sorted(key for key in self._objects if key.startswith(folder))

    async def delete(self, key: str) -> None:
        """Remove an object; nothing happens when there is none."""
        self._objects.pop(key, None)

    async def read_pointer(self, key: str) -> Pointer | None:
        """Return a pointer object, or `None`."""
        value = self._objects.get(key)
        return None if value is None else Pointer(value, _etag(value))

    async def move_pointer(self, key: str, value: bytes, *, expected: str | None) -> bool:
        """Write a pointer object if its ETag is `expected` (`None`: if there is none); tell if it was."""
        there = self._objects.get(key)
        if expected != (None if there is None else _etag(there)):
            return False
        self._objects[key] = bytes(value)
        return True

    def url(self, key: str) -> str:
        """Return an object's address as other tools name it, `s3://bucket/key`."""
        return f"s3://{self._bucket}/{key}"

    async def close(self) -> None:
        """Let go; what was kept stays, as it would on a real store."""


def _etag(value: bytes) -> str:
    return f'"{sha256(value).hexdigest()}"'

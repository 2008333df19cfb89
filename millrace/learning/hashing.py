"""One seeded hash for every choice that must come out the same everywhere."""

from __future__ import annotations

from hashlib import blake2b


def seeded(seed: int, text: str) -> int:
    """Return a 64-bit hash of a text under a seed; the same in every process and on every machine."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8, key=seed.to_bytes(8, "big")).digest(), "big")

"""Which partition a record without one goes to: decided as Kafka's Java client decides it."""

from __future__ import annotations

from functools import lru_cache

from millrace.adapters.bus.port import Message

_SEED = 0x9747B28C
_MIX = 0x5BD1E995
_WORD = 0xFFFFFFFF


def partition_for(message: Message, partitions: int) -> int:
    """Return the partition of a message in a topic of so many.

    A record without a key goes to partition 0, so that all of them keep their order (commands, scorecards).
    """
    if message.partition is not None:
        return message.partition
    if message.key is None:
        return 0
    return (murmur2(message.key) & 0x7FFFFFFF) % partitions


@lru_cache(maxsize=65_536)
def murmur2(data: bytes) -> int:
    """Return the 32-bit MurmurHash2 (Appleby, 2008) of a key, seeded as Kafka seeds it.

    >>> murmur2(b"21")
    3321034988
    """
    whole = len(data) & ~3
    state = _SEED ^ len(data)
    for at in range(0, whole, 4):
        word = int.from_bytes(data[at : at + 4], "little") * _MIX & _WORD
        word = (word ^ word >> 24) * _MIX & _WORD
        state = state * _MIX & _WORD ^ word
    if whole < len(data):
        state = (state ^ int.from_bytes(data[whole:], "little")) * _MIX & _WORD
    state = (state ^ state >> 13) * _MIX & _WORD
    return state ^ state >> 15

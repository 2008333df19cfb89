"""What every online store keeps to: the twin in memory and a real Valkey server."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from millrace.adapters.online.memory import MemoryOnlineStore
from millrace.adapters.online.port import OnlineStore, Published, Version
from millrace.adapters.online.redis import RedisOnlineStore
from millrace.domain.errors import Unreachable
from millrace.runtime.embedded import redis
from millrace.runtime.settings import Connections
from tests.adapters.conftest import free_port, silence, start


@pytest.fixture(params=["memory", "redis"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[OnlineStore]:
    if request.param == "memory":
        opened: OnlineStore = MemoryOnlineStore()
    else:
        opened = RedisOnlineStore(request.getfixturevalue("redis_url"))
    yield opened
    await opened.close()


@pytest.fixture
def use_case() -> str:
    return f"parcel-{uuid4().hex[:8]}"


async def test_what_was_published_is_fetched(store: OnlineStore, use_case: str) -> None:
    """A snapshot comes back as it was, with the version it is of; before the first there is none."""
    assert await store.version(use_case, 0) is None
    assert await store.fetch(use_case, 0) is None
    assert await store.publish(use_case, 0, Version(1, 7), b"\x00sealed\xff")
    assert await store.version(use_case, 0) == Version(1, 7)
    assert await store.fetch(use_case, 0) == Published(Version(1, 7), b"\x00sealed\xff")


@pytest.mark.parametrize(
    ("version", "taken"),
    [
        (Version(2, 10), False),
        (Version(2, 9), False),
        (Version(1, 999), False),
        (Version(2, 100), True),
        (Version(3, 0), True),
        (Version(10, 0), True),
    ],
)
async def test_only_the_newer_is_taken(store: OnlineStore, use_case: str, version: Version, taken: bool) -> None:
    """A zombie's older snapshot never replaces a newer one; epochs and offsets compare as numbers."""
    await store.publish(use_case, 0, Version(2, 10), b"there")
    assert await store.publish(use_case, 0, version, b"new") is taken
    assert await store.fetch(use_case, 0) == Published(*((version, b"new") if taken else (Version(2, 10), b"there")))


async def test_offsets_beyond_a_double_compare_exactly(store: OnlineStore, use_case: str) -> None:
    """Two offsets that are one and the same as floating-point numbers are told apart."""
    assert await store.publish(use_case, 0, Version(1, 2**53), b"a")
    assert await store.publish(use_case, 0, Version(1, 2**53 + 1), b"b")
    assert not await store.publish(use_case, 0, Version(1, 2**53), b"c")


async def test_shards_and_use_cases_are_apart(store: OnlineStore, use_case: str) -> None:
    """One shard's snapshot says nothing of another's."""
    await store.publish(use_case, 0, Version(5, 5), b"a")
    assert await store.publish(use_case, 1, Version(1, 1), b"b")
    assert await store.version(use_case + "-2", 0) is None


async def test_however_many_race_the_newest_is_left(store: OnlineStore, use_case: str) -> None:
    """Publishing is atomic: of many at once the newest stays, with its own bytes."""
    versions = [Version(1 + n // 20, n) for n in range(50)]
    random.Random(1).shuffle(versions)
    await asyncio.gather(*(store.publish(use_case, 0, it, f"{it}".encode()) for it in versions))
    newest = max(versions)
    assert await store.fetch(use_case, 0) == Published(newest, f"{newest}".encode())


async def test_a_store_that_hangs_is_unreachable_in_time() -> None:
    """A store that takes a connection and never answers raises within the time-out."""
    async with silence() as port:
        store = RedisOnlineStore(f"redis://user:hidden@127.0.0.1:{port}/0", timeout=0.4)
        for call in (store.version("uc", 0), store.publish("uc", 0, Version(1, 1), b"")):
            began = time.monotonic()
            with pytest.raises(Unreachable, match=r"in time|Timeout") as raised:
                await call
            assert time.monotonic() - began < 1.5
            assert "hidden" not in str(raised.value)
        await store.close()


async def test_a_store_that_comes_back_empty_is_used_again(tmp_path: Path) -> None:
    """Killed, the store is unreachable; back, it holds nothing and takes what is published, on the same client."""
    part = redis.part(Connections.model_validate({"home": tmp_path}), free_port())
    store = RedisOnlineStore(part.address)
    process = start(part, tmp_path / "redis.log")
    assert await store.publish("uc", 0, Version(1, 1), b"a")
    process.kill()
    process.wait()
    with pytest.raises(Unreachable):
        await store.version("uc", 0)
    process = start(part, tmp_path / "redis.log")
    try:
        assert await store.version("uc", 0) is None
        assert await store.publish("uc", 0, Version(1, 1), b"a")
    finally:
        process.kill()
        process.wait()
        await store.close()


async def test_live_views_replace_those_before(store: OnlineStore, use_case: str) -> None:
    """They are whole, and of one use case each; before the first there are none."""
    assert await store.shown(use_case) is None
    for views in (b"{}", b'{"late": 1}'):
        await store.show(use_case, views)
        assert await store.shown(use_case) == views
    assert await store.shown(f"team-a.{use_case}") is None

"""Snapshots in Redis or Valkey, one hash a shard, moved forward only; live views, one value a use case."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any, cast
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff
from redis.exceptions import RedisError

from millrace.adapters.online.port import Published, Version
from millrace.domain.errors import Unreachable

CONNECT_TIMEOUT = 1.0
TIMEOUT = 2.0
"""Seconds a call may take, besides the time its bytes need."""
VIEWS_LAST = 86_400
"""Seconds that live views stay which nobody renews: those of a use case that is gone go as well."""
SLOWEST = 8 * 1024 * 1024
"""Bytes a second below which the store counts as hanging."""

# Offsets outgrow what Lua's numbers (doubles) hold exactly, so both are compared as text of one length.
_PUBLISH = """
local there = redis.call('HMGET', KEYS[1], 'epoch', 'offset')
local function padded(number) return string.rep('0', 20 - #number) .. number end
if there[1] and there[2] then
  local old = padded(there[1]) .. padded(there[2])
  if padded(ARGV[1]) .. padded(ARGV[2]) <= old then return 0 end
end
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'offset', ARGV[2], 'sealed', ARGV[3])
return 1
"""


class RedisOnlineStore:
    """The newest snapshot of each shard. Losing it costs nothing but the time until the next is published."""

    def __init__(self, url: str, *, timeout: float = TIMEOUT) -> None:
        self._address = _without_secret(url)
        self._timeout = timeout
        self._client: Redis = Redis.from_url(
            url,
            socket_connect_timeout=min(CONNECT_TIMEOUT, timeout),
            socket_timeout=None,  # each call is bounded as a whole, by its size
            retry=Retry(ConstantBackoff(0.02), 1),  # once: a restarted server leaves dead connections in the pool
            protocol=2,
        )
        self._publish = self._client.register_script(_PUBLISH)

    async def publish(self, use_case: str, shard: int, version: Version, sealed: bytes) -> bool:
        """Keep a snapshot unless a newer or equal one is there; tell whether it was taken. Atomic."""
        async with self._reached("keep a snapshot", size=len(sealed)):
            args: list[Any] = [version.epoch, version.offset, sealed]
            return bool(await self._publish(keys=[key_of(use_case, shard)], args=args))

    async def version(self, use_case: str, shard: int) -> Version | None:
        """Return the kept snapshot's version, or `None`."""
        async with self._reached("tell a snapshot's version"):
            epoch, offset = await self._fields(use_case, shard, "epoch", "offset")
        return None if epoch is None or offset is None else Version(int(epoch), int(offset))

    async def fetch(self, use_case: str, shard: int) -> Published | None:
        """Return the kept snapshot, or `None`."""
        async with self._reached("give a snapshot", size=4 * SLOWEST):
            found = await self._fields(use_case, shard, "epoch", "offset", "sealed")
        epoch, offset, sealed = found
        if epoch is None or offset is None or sealed is None:
            return None
        return Published(Version(int(epoch), int(offset)), bytes(sealed))

    async def show(self, use_case: str, views: bytes) -> None:
        """Keep the live views of a use case in place of those before."""
        async with self._reached("keep live views", size=len(views)):
            await self._client.set(views_key_of(use_case), views, ex=VIEWS_LAST)

    async def shown(self, use_case: str) -> bytes | None:
        """Return the live views that were kept last, or `None`."""
        async with self._reached("give live views", size=SLOWEST):
            found = await self._client.get(views_key_of(use_case))
        return None if found is None else bytes(found)

    async def close(self) -> None:
        """Let go of every connection."""
        await self._client.aclose()

    async def _fields(self, use_case: str, shard: int, *names: str) -> list[Any]:
        # The client's own annotation covers its blocking twin as well.
        return await cast("Awaitable[list[Any]]", self._client.hmget(key_of(use_case, shard), list(names)))

    @asynccontextmanager
    async def _reached(self, what: str, *, size: int = 0) -> AsyncIterator[None]:
        """Turn whatever the client may raise, or never answering, into `Unreachable`."""
        try:
            async with asyncio.timeout(self._timeout + size / SLOWEST):
                yield
        except TimeoutError as error:
            raise Unreachable(f"the online store at {self._address} did not {what} in time") from error
        except (RedisError, OSError) as error:
            raise Unreachable(f"the online store at {self._address} did not {what}: {error}") from error


def key_of(use_case: str, shard: int) -> str:
    """Return the key of a shard's snapshot."""
    return f"millrace:{use_case}:{shard}:snapshot"


def views_key_of(use_case: str) -> str:
    """Return the key of a use case's live views; the use case's name comes with the topic prefix before it."""
    return f"millrace:{use_case}:views"


def _without_secret(url: str) -> str:
    """Return an address fit for a message: without user and password."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()

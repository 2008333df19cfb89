"""Servers that `millrace up` was given: whether they answer, and to the keys that it was told.

Parts bear their absence, each in its own way and without haste; somebody who has just typed an address wants to know at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import httpx

from millrace.adapters.bus.kafka import KafkaBus
from millrace.adapters.checkpoints.s3 import open_store
from millrace.adapters.online.redis import RedisOnlineStore
from millrace.cli.secrets import without_password
from millrace.domain.errors import MillraceError, Unreachable
from millrace.runtime.parts import Wishes
from millrace.runtime.settings import Connections
from millrace.runtime.supervision.supervisor import Happening

PATIENCE = 5.0
"""Seconds a server may take to answer."""
LOOK_EVERY = 10.0
LOOK_AGAIN = 2.0
"""Seconds after which a trouble must still be there: while parts start, a machine may be slow to hear an answer."""

_NONE = "none-such"
"""What is asked for, and is nowhere."""

Look = Callable[[Connections], Awaitable[None]]


class Given:
    """What was given, looked at again and again."""

    def __init__(self, wishes: Wishes, connections: Connections, tell: Callable[[Happening], None]) -> None:
        given = {"kafka": wishes.kafka not in ("", "local"), "s3": wishes.s3, "redis": wishes.redis}
        self._names = [name for name, it in {**given, "mlflow": wishes.mlflow}.items() if it]
        self._connections = connections
        self._tell = tell
        # The terminal is the operator's; why a cluster does not answer is told there once, in words.
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)

    async def watch(self) -> None:
        """Tell of each server what is wrong, and when it is well again, for ever."""
        async with asyncio.TaskGroup() as looking:
            for name in self._names:
                looking.create_task(self._watch(name))

    async def _watch(self, name: str) -> None:
        before = ""
        while True:
            trouble = await self.trouble(name)
            if trouble and not before:
                await asyncio.sleep(LOOK_AGAIN)
                trouble = await self.trouble(name)
            if trouble and not before:
                self._tell(Happening(part=name, what="not ready", detail=trouble))
            elif before and not trouble:
                self._tell(Happening(part=name, what="ready", detail="it answers now"))
            before = trouble
            await asyncio.sleep(LOOK_EVERY)

    async def trouble(self, name: str) -> str:
        """Return why a server cannot be used; nothing when it can."""
        try:
            await _LOOKS[name](self._connections)
        except MillraceError as error:
            return str(error)
        return ""


async def _kafka(its: Connections) -> None:
    bus = KafkaBus.of(its, "millrace-up", PATIENCE)
    try:
        await bus.cluster_id()
    finally:
        await bus.close()


async def _s3(its: Connections) -> None:
    """List nothing, by each key, and try a write that its condition forbids: a key that may not write is told so first.

    A bucket that is missing is made at the first write, by whoever may.
    """
    for bucket in (its.checkpoints_bucket, its.artifacts_bucket):
        await open_store(its, bucket).keys(_NONE)
        await open_store(its, bucket).move_pointer(_NONE, b"", expected='"none"')
        if its.s3_reader_access_key:
            reader = {"s3_access_key": its.s3_reader_access_key, "s3_secret_key": its.s3_reader_secret_key}
            await open_store(its.model_copy(update=reader), bucket).keys(_NONE)


async def _redis(its: Connections) -> None:
    store = RedisOnlineStore(its.redis)
    try:
        await store.version(_NONE, 0)
    finally:
        await store.close()


async def _mlflow(its: Connections) -> None:
    shown = without_password(its.mlflow)
    try:
        async with httpx.AsyncClient(timeout=PATIENCE) as client:
            answer = await client.get(f"{its.mlflow}/api/2.0/mlflow/registered-models/search?max_results=1")
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise Unreachable(f"MLflow at {shown} does not answer: {error}") from error
    if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise Unreachable(
            f"MLflow at {shown} lets us not in ({answer.status_code}: {answer.text[:100].strip()}): give its user and "
            "password (MLFLOW_TRACKING_USERNAME, …), or start it with --allowed-hosts that name this address"
        )
    if not answer.is_success:
        raise Unreachable(f"MLflow at {shown} is in trouble: {answer.status_code} {answer.text[:200].strip()}")


_LOOKS: dict[str, Look] = {"kafka": _kafka, "s3": _s3, "redis": _redis, "mlflow": _mlflow}

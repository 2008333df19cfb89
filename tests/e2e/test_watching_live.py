"""Log, online store, feed and API, all real: what is watched live is what was written, however often the connection dies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from apps.api.main import server
from apps.api.replica import Replica, Services
from apps.api.settings import ApiSettings
from millrace.adapters.registry.memory import MemoryRegistry
from tests.api.test_stream import Heard
from tests.api.world import VERIFY
from tests.feed.test_feed_process import NAME, PREFIX, REAL, USE_CASE, Stage, answers, kafka, stage

__all__ = ["kafka", "stage"]
PATH = f"/v1/use-cases/{NAME}"
pytestmark = pytest.mark.parametrize("kafka", ["embedded", REAL], indirect=True)


@asynccontextmanager
async def replica(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    """Serve the API over a stage, to a client."""
    settings = ApiSettings.model_validate({"api_port": 0, "topic_prefix": PREFIX})
    bus = stage.client()
    its = server(Replica([USE_CASE], settings, Services(bus, stage.store(), MemoryRegistry()), lambda: VERIFY))
    running = asyncio.create_task(its.serve())
    while not its.started:
        await asyncio.sleep(0.02)
    port = its.servers[0].sockets[0].getsockname()[1]
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as http:
            await _until_read(http)
            yield http
    finally:
        its.should_exit = True
        await running


async def _until_read(http: httpx.AsyncClient) -> None:
    async with asyncio.timeout(20):
        while True:
            async with http.stream("GET", f"{PATH}/stream") as answer:
                if answer.status_code == 200:
                    return
            await asyncio.sleep(0.1)


async def heard_until(http: httpx.AsyncClient, after: str, seconds: float) -> tuple[str, list[dict[str, Any]]]:
    """Listen for so long, then let the connection die; return the newest id and the predictions that came."""
    found: list[dict[str, Any]] = []
    headers = {"Last-Event-ID": after} if after else {}
    async with http.stream("GET", f"{PATH}/stream", headers=headers) as answer:
        heard = Heard(answer)
        try:
            async with asyncio.timeout(seconds):
                while True:
                    kind, data = await heard.next()
                    found += [data] * (kind == "prediction")
                    assert data.get("begins") != "oldest kept", data
        except TimeoutError:
            return heard.id, found


async def test_connections_that_die_leave_no_gap_and_no_double(stage: Stage) -> None:
    """While answers are written, a client is cut off again and again, and goes on at one replica or the other."""
    async with replica(stage) as one, replica(stage) as other:
        last, told = await heard_until(one, "", 0.3)
        writing = asyncio.create_task(_write(stage, 30, 20))
        turns = 0
        while not writing.done() or turns < 8:
            last, more = await heard_until((one, other)[turns % 2], last, 0.4)
            told += more
            turns += 1
        _, more = await heard_until(one, last, 1.5)
        told += more
    assert sorted(it["event_id"] for it in told) == sorted(f"e{n}" for n in range(600))


async def _write(stage: Stage, times: int, many: int) -> None:
    for _ in range(times):
        await stage.send(many)
        await asyncio.sleep(0.05)


async def test_live_views_come_from_the_feed_through_the_store(stage: Stage) -> None:
    """What the feed counted is what the API shows."""
    await stage.send(300)
    with stage.feed():
        await stage.until(lambda it: answers(it) == 300)
        async with replica(stage) as http:
            shown = (await http.get(f"{PATH}/views")).json()
    assert sum(it["all"]["answers"] for it in shown["hours"]) == 300
    assert shown["scorecard"]["events"] == 300
    assert {it for window in shown["hours"] for it in window.get("segments", {})} == {f"carrier-{n}" for n in range(3)}

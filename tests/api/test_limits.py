"""On a real server: slow clients, too many of them, too many requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from apps.api.main import server
from apps.api.replica import Replica
from tests.api.world import World

EVENT = b'{"parcel_id": "mine", "depot": "depot-1", "distance": 12.5}'
HEAD = b"POST /v1/use-cases/parcel-delay/predict HTTP/1.1\r\nhost: api\r\ncontent-length: %d\r\n\r\n"


@asynccontextmanager
async def served(**changes: Any) -> AsyncIterator[tuple[int, Replica]]:
    """Serve a world that has learnt on a free port."""
    world = World()
    await world.learn()
    await world.publish()
    _, replica = world.app(api_port=0, **changes)
    its = server(replica)
    running = asyncio.create_task(its.serve())
    while replica.serving("parcel-delay").served is None or not its.started:
        await asyncio.sleep(0.02)
    try:
        yield its.servers[0].sockets[0].getsockname()[1], replica
    finally:
        its.should_exit = True
        await running


async def said(port: int, *pieces: bytes) -> bytes:
    """Send pieces over one connection; return all that is answered until it is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
    async with asyncio.timeout(10):
        found = await reader.read()
    writer.close()
    return found


async def test_a_body_that_does_not_come_is_408() -> None:
    """A client that announces a body and does not send it is told so, in time, and keeps nobody waiting."""
    async with served(body_timeout=0.3) as (port, _):
        found = await said(port, HEAD.replace(b"\r\nhost", b"\r\nconnection: close\r\nhost") % 50, b"{")
    assert found.startswith(b"HTTP/1.1 408")
    assert b"too-slow" in found


async def test_a_head_that_does_not_come_closes_the_connection() -> None:
    """A connection on which no request begins, or none is finished, is closed."""
    async with served(head_timeout=0.3) as (port, _):
        for pieces in ((), (b"GET /v1/use-cases HTT",), (b"GET /livez HTTP/1.1\r\nhost: api\r\n",)):
            assert (await said(port, *pieces)).startswith(b"HTTP/1.1 408")


async def test_connections_beyond_the_limit_are_closed_at_once() -> None:
    """Idle connections are bounded in number; a place that is left is free again."""
    async with served(max_connections=3) as (port, _):
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        await asyncio.sleep(0.05)
        assert await said_or_reset(port) == b""
        for _, writer in held:
            writer.close()
        await asyncio.sleep(0.05)
        async with httpx.AsyncClient() as http:
            assert (await http.get(f"http://127.0.0.1:{port}/livez")).status_code == 200


async def said_or_reset(port: int) -> bytes:
    """Return what an idle connection hears."""
    try:
        return await said(port)
    except ConnectionError:
        return b""


async def test_what_would_only_wait_is_shed_and_the_probes_are_not() -> None:
    """Far more requests at once than can be answered in time: some are shed with 429, the others are answered right."""
    async with (
        served(max_in_flight=8) as (port, _),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", limits=httpx.Limits(max_connections=100)) as http,
    ):
        path = "/v1/use-cases/parcel-delay/predict"
        statuses: list[int] = []
        for _ in range(5):
            asked = [http.post(path, content=EVENT) for _ in range(60)] + [http.get("/livez") for _ in range(5)]
            answers = await asyncio.gather(*asked)
            statuses += [it.status_code for it in answers[:60]]
            assert {it.status_code for it in answers[60:]} == {200}
        assert set(statuses) == {200, 429}
        assert (await http.post(path, content=EVENT)).status_code == 200


async def test_slow_clients_take_nobodys_place() -> None:
    """Clients that send their bodies slowly, more of them than are answered at a time, do not get others shed."""
    async with served(max_in_flight=4, body_timeout=3) as (port, replica):
        slow = [await asyncio.open_connection("127.0.0.1", port) for _ in range(20)]
        for _, writer in slow:
            writer.write(HEAD % 50 + b"{")
        await asyncio.sleep(0.2)
        assert replica.load.in_flight() == 0
        async with httpx.AsyncClient() as http:
            answer = await http.post(f"http://127.0.0.1:{port}/v1/use-cases/parcel-delay/predict", content=EVENT)
        assert answer.status_code == 200
        for _, writer in slow:
            writer.close()

"""What moves: streams that go on where they were, and live views as the feed wrote them. On a real server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec
import pytest

from apps.api.main import server
from apps.api.recent import Place
from apps.api.replica import Replica
from apps.feed.standing import Bounds, Standing
from millrace.adapters.bus.memory import MemoryBus
from millrace.domain.log import Record, TopicPartition
from millrace.domain.records import Alarm
from tests.api.world import World, parcel_delay

PATH = f"/v1/use-cases/{parcel_delay.name}/stream"
EVENT = {"parcel_id": "mine", "depot": "depot-1", "distance": 12.5}


@asynccontextmanager
async def serving(world: World, **changes: Any) -> AsyncIterator[tuple[httpx.AsyncClient, Replica]]:
    """Serve a world, on a free port, to a client."""
    _, replica = world.app(api_port=0, **changes)
    its = server(replica)
    running = asyncio.create_task(its.serve())
    recent = replica.one(parcel_delay.name).recent
    while not (its.started and recent.turn):
        await asyncio.sleep(0.02)
    port = its.servers[0].sockets[0].getsockname()[1]
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as http:
            yield http, replica
    finally:
        its.should_exit = True
        await running


class Heard:
    """A client of a stream that reads events one at a time."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self._lines = answer.aiter_lines()
        self.id = ""
        self.comments: list[str] = []

    async def next(self) -> tuple[str, dict[str, Any]]:
        """Return the next event's kind and data."""
        kind, data = "", ""
        async with asyncio.timeout(10):
            async for line in self._lines:
                name, _, value = line.partition(": ")
                match name:
                    case "":
                        if line:
                            self.comments.append(value)
                        elif data:
                            return kind, msgspec.json.decode(data)
                    case "id":
                        self.id = value
                    case "event":
                        kind = value
                    case "data":
                        data = value
        raise EOFError("the stream has ended")

    async def until(self, kind: str, many: int) -> list[dict[str, Any]]:
        """Return the next so many events of a kind; the others are passed over."""
        found: list[dict[str, Any]] = []
        while len(found) < many:
            what, data = await self.next()
            found += [data] * (what == kind)
        return found


@asynccontextmanager
async def listening(http: httpx.AsyncClient, after: str | None = None) -> AsyncIterator[Heard]:
    """Listen to the stream."""
    async with http.stream("GET", PATH, headers={"Last-Event-ID": after} if after else {}) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield Heard(answer)


@pytest.fixture
async def world() -> World:
    """A world that has learnt a little."""
    its = World()
    await its.learn(5)
    await its.publish()
    return its


async def show_views(world: World) -> None:
    """Write live views as the feed does, from what was learnt."""
    standing = Standing(parcel_delay, Bounds(60, 48, 200, 10, 1_000, 20))
    bus = MemoryBus(world.cluster)
    counts = await bus.partitions(standing.topics)
    start = {TopicPartition(topic, n): 0 for topic, count in counts.items() for n in range(count)}
    for records in (await (await bus.reader(start)).read(timeout=0)).values():
        for record in records:
            standing.take(record)
    shown = msgspec.json.encode(standing.shown(datetime.now(UTC)))
    await world.online.show(parcel_delay.name, shown)


async def test_a_stream_tells_what_comes_from_now_on(world: World) -> None:
    """Predictions, truths and scorecards, each with an id, after an event that says where the stream begins."""
    async with serving(world) as (http, _), listening(http) as heard:
        assert await heard.next() == ("begin", {"begins": "now"})
        await world.learn(20)
        told = [await heard.next() for _ in range(40)]
        assert {kind for kind, _ in told} >= {"prediction", "truth"}
        assert sorted(it["event_id"] for kind, it in told if kind == "prediction") == sorted(
            f"p{n}" for n in range(5, 25)
        )
        assert {it["event_id"]: it["truth"] for kind, it in told if kind == "truth"}.keys() == {
            f"p{n}" for n in range(5, 25)
        }
        assert Place.parse(heard.id) is not None


@pytest.mark.parametrize("at", [1, 7, 23, 39])
async def test_a_connection_killed_anywhere_leaves_no_gap_and_no_double(world: World, at: int) -> None:
    """Cut after any event and taken up by its id, on another replica even: every event came exactly once."""
    async with serving(world) as (http, _), serving(world) as (other, _):
        async with listening(http) as heard:
            await heard.next()
            await world.learn(20)
            told = [await heard.next() for _ in range(at)]
            last = heard.id
        await world.learn(20)
        async with listening(other, last) as again:
            assert await again.next() == ("begin", {"begins": "where it was"})
            told += [await again.next() for _ in range(80 - at)]
    for kind in ("prediction", "truth"):
        assert sorted(it["event_id"] for what, it in told if what == kind) == sorted(f"p{n}" for n in range(5, 45))


async def test_a_stream_cut_before_its_first_event_loses_nothing(world: World) -> None:
    """The event that says where a stream begins has an id of its own."""
    async with serving(world) as (http, _):
        async with listening(http) as heard:
            await heard.next()
            last = heard.id
        await world.learn(3)
        async with listening(http, last) as again:
            assert len(await again.until("prediction", 3)) == 3


@pytest.mark.parametrize(
    ("after", "why"),
    [
        ("nonsense", "is no id"),
        ("12", "is no id"),
        ("deadbeef-1.2.3", "another log"),
        ("deadbeef-1.2.x", "is no id"),
    ],
)
async def test_an_unknown_id_begins_with_the_oldest_kept_and_says_so(world: World, after: str, why: str) -> None:
    """A stream that cannot go on where it was tells its client so, and what there is."""
    async with serving(world) as (http, _), listening(http, after) as heard:
        kind, said = await heard.next()
        assert (kind, said["begins"]) == ("begin", "oldest kept")
        assert why in said["reason"]
        found = await heard.until("prediction", 5)
        assert {it["event_id"] for it in found} == {f"p{n}" for n in range(5)}


async def test_an_id_that_is_too_old_begins_with_the_oldest_kept_and_says_so(world: World) -> None:
    """What is kept is bounded: who was away for too long is told that something is missing."""
    async with serving(world, stream_kept=10) as (http, replica):
        async with listening(http) as heard:
            await heard.next()
            last = heard.id
        await world.learn(50)
        recent = replica.one(parcel_delay.name).recent
        while recent.number < 100:
            await asyncio.sleep(0.02)
        async with listening(http, last) as again:
            _, said = await again.next()
            assert (said["begins"], said["reason"]) == ("oldest kept", said["reason"])
            assert "too old" in said["reason"]
            assert len(await again.until("prediction", 10)) == 10


async def test_a_silent_stream_says_that_it_is_alive(world: World) -> None:
    """Comments keep proxies from closing a connection that is only quiet."""
    async with serving(world, stream_heartbeat=0.1) as (http, _), listening(http) as heard:
        await heard.next()
        await asyncio.sleep(0.5)
        await world.learn(1)
        await heard.until("prediction", 1)
        assert heard.comments.count("alive") >= 3


def flood(replica: Replica, many: int, first: int = 0) -> None:
    """Tell so many alarms of 100 kB each, as if they had been read."""
    recent = replica.one(parcel_delay.name).recent
    partition = recent.next[0]
    for n in range(first, first + many):
        told = Alarm(
            state_id="parcel-delay.0.1.1",
            at="2026-03-01T00:00:00Z",
            event=n,
            what="feature",
            name="x" * 100_000,
            detector="psi",
            value=0.5,
            threshold=0.3,
        )
        recent.take(Record(parcel_delay.topic("alarms"), 0, partition + n, 0, None, None), told)


async def test_a_client_that_falls_behind_is_told_why_and_cut_off(world: World) -> None:
    """One that reads slower than events come does not fill the memory: it is cut off, and may connect again."""
    async with serving(world, stream_kept=100) as (http, replica), listening(http) as heard:
        await heard.next()
        for n in range(20):
            flood(replica, 30, 30 * n)
            await asyncio.sleep(0.02)
        numbers = []
        kind, said = await heard.next()
        while kind != "end":
            numbers.append(said["event"])
            kind, said = await heard.next()
        assert numbers == list(range(len(numbers)))
        assert len(numbers) < 600
        assert "too slow" in said["reason"]
        last = heard.id
        async with listening(http, last) as again:
            assert (await again.next())[1]["begins"] == "oldest kept"
            assert [it["event"] for it in await again.until("alarm", 100)] == list(range(500, 600))


async def test_a_client_that_takes_nothing_is_let_go(world: World) -> None:
    """Its place is free after the patience, and its memory is that of one connection."""
    async with serving(world, stream_patience=0.5) as (http, replica), listening(http):
        assert replica.streams == 1
        flood(replica, 300)
        async with asyncio.timeout(10):
            while replica.streams:
                await asyncio.sleep(0.05)


async def test_a_client_that_leaves_is_noticed(world: World) -> None:
    """A stream ends with its client."""
    async with serving(world) as (http, replica):
        async with listening(http) as heard:
            await heard.next()
            assert replica.streams == 1
        async with asyncio.timeout(5):
            while replica.streams:
                await asyncio.sleep(0.02)


async def test_a_server_that_stops_says_goodbye(world: World) -> None:
    """It does not wait for streams to end, nor does it cut them off without a word."""
    async with serving(world) as (http, replica), listening(http) as heard:
        await heard.next()
        started = time.monotonic()
        stopped = replica.leaving
        replica.leaving = lambda: True
        kind, said = await heard.next()
        assert (kind, "stops" in said["reason"]) == ("end", True)
        assert time.monotonic() - started < 2
        assert not stopped()
    assert time.monotonic() - started < 4


async def test_streams_take_no_place_of_requests_and_are_bounded(world: World) -> None:
    """Many streams keep nobody waiting; one too many is refused."""
    async with serving(world, max_in_flight=2, max_streams=5) as (http, replica):
        its = [listening(http) for _ in range(5)]
        heard = [await each.__aenter__() for each in its]
        for each in heard:
            await each.next()
        refused = await http.get(PATH)
        assert refused.status_code == 429
        assert "MILLRACE_MAX_STREAMS" in refused.json()["detail"]
        while replica.serving(parcel_delay.name).served is None:
            await asyncio.sleep(0.02)
        answer = await http.post(f"/v1/use-cases/{parcel_delay.name}/predict", json=EVENT)
        assert answer.status_code == 200
        for each in its:
            await each.__aexit__(None, None, None)


async def test_a_stream_over_a_log_that_was_lost_says_so_and_goes_on(world: World) -> None:
    """The embedded log came back as another one: no id of the one before is a place in it."""
    async with serving(world) as (http, _), listening(http) as heard:
        await heard.next()
        world.cluster.restart()
        world.create_topics()
        world.shard.positions.clear()
        kind, said = await heard.next()
        assert (kind, said["begins"]) == ("begin", "oldest kept")
        assert "another one" in said["reason"]
        await world.learn(2)
        assert {it["event_id"] for it in await heard.until("prediction", 2)} == {"p5", "p6"}


async def test_live_views_are_shown_as_the_feed_wrote_them(world: World) -> None:
    """Windows by the time events occurred at, by segment; without a feed it is said who makes them."""
    async with serving(world) as (http, _):
        path = f"/v1/use-cases/{parcel_delay.name}/views"
        missing = await http.get(path)
        assert missing.status_code == 503
        assert "millrace run feed" in missing.json()["detail"]
        await show_views(world)
        shown = (await http.get(path)).json()
        assert shown["hours"][0]["all"]["answers"] == 5
        assert sum(it["all"]["answers"] for it in shown["minutes"]) == 5
        assert set(shown["hours"][0]["segments"]) <= {f"depot-{n}" for n in range(4)}
        assert len((await http.get(path, params={"windows": 2})).json()["minutes"]) == 2
        assert (await http.get(path, params={"windows": -1})).status_code == 422

"""The feed as a process, on a real log and a real online store: live views that a kill does not double."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import msgspec
import psutil
import pytest

from millrace.adapters.bus.kafka import KafkaBus
from millrace.adapters.bus.port import Message
from millrace.adapters.online.redis import RedisOnlineStore
from millrace.domain.records import Prediction, Score, Scorecard
from millrace.domain.views import Views
from millrace.runtime.embedded import redis
from millrace.runtime.settings import Connections
from millrace.usecases import default, find
from tests.adapters.conftest import free_port, running
from tests.kafka import embedded_bus, embedded_log, real_kafka, start_embedded_log

NAME = default()
PREFIX = "team-a."
START = datetime(2013, 5, 1, 6, tzinfo=UTC)
USE_CASE = find(NAME).under(PREFIX)


class Stage:
    """A log and an online store, and what a trainer would have written."""

    def __init__(self, home: Path, kafka: str, redis_url: str) -> None:
        self.home, self.kafka, self.redis_url = home, kafka, redis_url
        self.embedded = kafka.startswith("@")
        self.place = Path(kafka[1:])
        self.bus = self.client()
        self.online = self.store()
        self.port = free_port()
        self.sent = 0
        self.here = home / "here"
        self.here.mkdir(exist_ok=True)

    def client(self) -> KafkaBus:
        """Return a client of the log."""
        return embedded_bus(self.place) if self.embedded else KafkaBus(self.kafka)

    def store(self) -> RedisOnlineStore:
        """Return a client of the online store."""
        return RedisOnlineStore(self.redis_url)

    async def topics(self) -> None:
        await self.bus.ensure_topics(
            {USE_CASE.topic(kind): 4 for kind in ("predictions", "labels", "scorecards", "alarms")}
        )

    async def send(self, many: int) -> None:
        """Write predictions, one a minute of the stream, and a scorecard."""
        writer = await self.bus.writer()
        await writer.send([_predicted(n) for n in range(self.sent, self.sent + many)])
        await writer.send([_card(self.sent + many)])
        await writer.close()
        self.sent += many

    async def views(self) -> Views | None:
        found = await self.online.shown(f"{PREFIX}{NAME}")
        return None if found is None else msgspec.json.decode(found, type=Views)

    async def until(self, wanted: Callable[[Views], bool], seconds: float = 30.0) -> Views:
        shown: Views | None = None
        async with asyncio.timeout(seconds):
            while shown is None or not wanted(shown):
                await asyncio.sleep(0.1)
                shown = await self.views()
        return shown

    @contextmanager
    def feed(self) -> Iterator[subprocess.Popen[bytes]]:
        told = {
            "HOME": str(self.home),
            "KAFKA": self.kafka,
            "EMBEDDED_LOG": str(self.embedded).lower(),
            "REDIS": self.redis_url,
            "TOPIC_PREFIX": PREFIX,
            "USE_CASES": NAME,
            "FEED_PORT": str(self.port),
            "FEED_INTERVAL": "0.2",
        }
        env = {**os.environ, **{f"MILLRACE_{name}": value for name, value in told.items()}}
        process = subprocess.Popen([sys.executable, "-m", "millrace.cli", "run", "feed"], env=env, cwd=self.here)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def ask(self, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}")


def _predicted(n: int) -> Message:
    it = Prediction(
        event_id=f"e{n}",
        key=f"carrier-{n % 3}",
        occurred_at=START + timedelta(minutes=n),
        state_id=f"{NAME}.0.1.{n}",
        champion="linear",
        value=float(n % 10),
        by_candidate={},
    )
    return Message(USE_CASE.topic("predictions"), msgspec.json.encode(it), it.key.encode())


def _card(events: int) -> Message:
    score = Score(role="champion", labels=events, overall={"mae": 2.0}, recent={"mae": 1.5})
    it = Scorecard(
        state_id=f"{NAME}.0.1.{events}",
        as_of=(START + timedelta(minutes=events)).isoformat(),
        events=events,
        labels=events,
        metric="mae",
        scores={"linear": score},
    )
    return Message(USE_CASE.topic("scorecards"), msgspec.json.encode(it))


REAL = pytest.param("kafka", marks=pytest.mark.kafka)


@pytest.fixture(params=["embedded", REAL])
def kafka(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Run a log; give what a part is told of it."""
    if request.param == "embedded":
        with embedded_log(tmp_path) as place:
            yield f"@{place}"
    else:
        with real_kafka(tmp_path / "kafka") as broker:
            yield broker.address


@pytest.fixture
async def stage(kafka: str, tmp_path: Path) -> AsyncIterator[Stage]:
    part = redis.part(Connections.model_validate({"home": tmp_path}), free_port())
    with running(part, tmp_path):
        it = Stage(tmp_path, kafka, part.address)
        await it.topics()
        yield it
        await it.bus.close()
        await it.online.close()


def answers(shown: Views) -> int:
    return sum(it.all.answers for it in shown.hours)


async def test_a_kill_doubles_nothing_and_loses_nothing(stage: Stage) -> None:
    """Killed and started again, the feed counts every answer once: its views are rebuilt from the log."""
    await stage.send(600)
    with stage.feed() as feed:
        before = await stage.until(lambda it: answers(it) == 600)
        feed.kill()
        feed.wait()
    await stage.send(60)
    with stage.feed():
        after = await stage.until(lambda it: answers(it) == 660)
        assert stage.ask("/readyz").status_code == stage.ask("/livez").status_code == 200
        assert "millrace_feed_records_total" in stage.ask("/metrics").text
    assert after.hours[-1] == before.hours[-1]
    assert after.hours[-1].all.mean == 4.5
    assert sum(cell.answers for cell in after.hours[-1].segments.values()) == after.hours[-1].all.answers == 60
    assert after.scorecard is not None
    assert after.scorecard.events == 660


async def test_the_feed_is_light_and_ends_when_it_is_told(stage: Stage) -> None:
    """It takes at most 200 MB, and SIGTERM ends it within seconds, with exit code 0."""
    await stage.send(5_000)
    with stage.feed() as feed:
        await stage.until(lambda it: it.stream_time == START + timedelta(minutes=4_999))
        assert psutil.Process(feed.pid).memory_info().rss < 200e6
        feed.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(feed.wait, 10) == 0
    assert list(stage.here.iterdir()) == [], "where it runs may be read-only"


@pytest.mark.parametrize("kafka", [REAL], indirect=True)
async def test_answers_that_were_not_committed_do_not_count(stage: Stage) -> None:
    """What an aborted transaction wrote is nobody's answer; the marks that transactions leave are waited for in vain by none."""
    await stage.send(30)
    writer = await stage.bus.transactional_writer("trainer")
    await writer.commit([_predicted(n) for n in range(30, 60)], _card(60))
    await writer._producer.begin_transaction()
    await writer._producer.send_and_wait(USE_CASE.topic("predictions"), _predicted(99).value, partition=0)
    await writer._producer.abort_transaction()
    await writer.close()
    with stage.feed():
        shown = await stage.until(lambda it: answers(it) >= 60)
        assert answers(shown) == 60


@pytest.mark.parametrize("kafka", ["embedded"], indirect=True)
async def test_views_begin_anew_with_another_log(stage: Stage) -> None:
    """The embedded log lost everything: the feed ends, saying so, for its supervisor to start it again."""
    await stage.send(60)
    with stage.feed() as feed:
        await stage.until(lambda it: answers(it) == 60)
        address = stage.place.read_text()
        stage.place.unlink()
        log = start_embedded_log(stage.place)
        try:
            assert stage.place.read_text() != address
            assert await asyncio.to_thread(feed.wait, 60) == 1
        finally:
            log.kill()
            log.wait()

"""Health: live, ready, and why not; answered whatever the loop does."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest

from millrace.runtime.health import Health, HealthServer
from millrace.runtime.telemetry import METRICS


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_part_is_not_ready_before_it_says_so() -> None:
    """Starting is a reason of its own; being alive is another matter."""
    health = Health()
    assert health.live() == {"live": True}
    assert health.readiness()["reasons"]["start"]["reason"] == "starting"
    health.ready()
    assert health.readiness() == {"ready": True, "live": True}


def test_a_reason_keeps_the_time_it_was_first_given_until_it_is_taken_back() -> None:
    """ "Broker unreachable since …" must not move with every retry."""
    health = Health()
    health.ready()
    health.not_ready("log", "unreachable")
    since = health.readiness()["reasons"]["log"]["since"]
    health.not_ready("log", "still unreachable")
    assert health.readiness()["reasons"] == {"log": {"reason": "still unreachable", "since": since}}
    health.ready("log")
    assert health.readiness()["ready"]


def test_a_loop_that_does_not_beat_is_stuck_and_a_beat_heals_it() -> None:
    """Alive but not advancing goes red within half a minute."""
    clock = Clock()
    health = Health(now=clock, stuck_after=30.0)
    health.beat("learner")
    clock.now = 30.0
    assert health.live()["live"]
    clock.now = 30.5
    assert health.live() == {"live": False, "stuck": {"learner": "no beat for 30 s"}}
    assert not health.readiness()["ready"]
    health.beat("learner")
    assert health.live()["live"]


def test_a_dead_task_is_never_forgiven() -> None:
    """What it did is not done any more, whatever else goes on."""
    health = Health()
    health.ready()
    health.died("snapshots", "ValueError('x')")
    health.beat("snapshots")
    assert health.live() == {"live": False, "dead": {"snapshots": "ValueError('x')"}}


@pytest.fixture
def served() -> Iterator[tuple[Health, str]]:
    """A health that is asked over HTTP."""
    health = Health()
    server = HealthServer(health, "127.0.0.1", 0, "producer")
    server.start()
    yield health, f"http://127.0.0.1:{server.port}"
    server.stop()


def test_the_addresses_tell_the_reason_and_what_the_part_adds(served: tuple[Health, str]) -> None:
    """A probe needs the status, a person the words."""
    health, url = served
    assert httpx.get(f"{url}/livez").status_code == 200
    starting = httpx.get(f"{url}/readyz")
    assert (starting.status_code, starting.json()["reasons"]["start"]["reason"]) == (503, "starting")
    health.ready()
    health.details = lambda: {"shards": [{"state_id": "parcels.0.1.7"}]}
    assert httpx.get(f"{url}/readyz").json() == {"ready": True, "live": True, "shards": [{"state_id": "parcels.0.1.7"}]}
    health.died("learner", "gone")
    assert httpx.get(f"{url}/livez").status_code == 503
    assert httpx.get(f"{url}/elsewhere").status_code == 404


def test_metrics_are_those_of_the_catalogue(served: tuple[Health, str]) -> None:
    """What is counted is what a scrape shows."""
    METRICS.produced.labels("parcels", "events").inc(3)
    text = httpx.get(f"{served[1]}/metrics").text
    assert 'millrace_produced_total{kind="events",use_case="parcels"} 3.0' in text


SERVICE = """
import asyncio, sys, time
from mode import Service
from millrace.runtime import worker
from millrace.runtime.health import Health

class Tiny(Service):
    @Service.task
    async def work(self):
        await self.sleep(0.2)
        if sys.argv[1] == "dies":
            raise ValueError("no way on")
        if sys.argv[1] == "blocks":
            time.sleep(60)
        await self.wait_for_stopped()

worker.run(Tiny(), Health(stuck_after=0.5), part="tiny", host="127.0.0.1", port=int(sys.argv[2]))
"""


def _service(how: str, port: int) -> subprocess.Popen[str]:
    argv = [sys.executable, "-c", SERVICE, how, str(port)]
    return subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)


def test_the_death_of_a_task_ends_the_process_and_is_logged() -> None:
    """No half-dead services: whoever supervises starts it again."""
    process = _service("dies", 0)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 1
    assert '"event": "a task has died"' in said
    assert "no way on" in said


def test_sigterm_ends_a_service_with_status_0(unused_tcp_port: int) -> None:
    """Told to stop, it stops, and that is no failure."""
    process = _service("works", unused_tcp_port)
    _wait(f"http://127.0.0.1:{unused_tcp_port}/livez")
    process.terminate()
    _, said = process.communicate(timeout=10)
    assert (process.returncode, '"event": "stopped"' in said) == (0, True)


def test_a_loop_that_blocks_does_not_keep_health_from_answering(unused_tcp_port: int) -> None:
    """The one that is stuck cannot be the one that says so."""
    process = _service("blocks", unused_tcp_port)
    _wait(f"http://127.0.0.1:{unused_tcp_port}/livez")
    time.sleep(0.5)
    assert httpx.get(f"http://127.0.0.1:{unused_tcp_port}/livez", timeout=2).status_code == 200
    process.kill()
    process.communicate()


@pytest.fixture
def unused_tcp_port() -> int:
    """A port nobody listens on."""
    from millrace.runtime.embedded.ports import free_ports

    return free_ports(1)[0]


def _wait(url: str) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        try:
            if httpx.get(url, timeout=1).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.05)
    raise AssertionError(url)

"""The running platform opens no connection that the chart's policies would shut."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.chart.test_connections import drawn
from tests.platform import BACK, UP, Running

pytestmark = pytest.mark.stack

WATCHED_FOR = 20.0
NAMES = {"log": "kafka"}
"""What the embedded platform calls a part, where the chart calls it otherwise."""
ALWAYS = {
    *(("trainer", to) for to in ("kafka", "s3", "redis")),
    ("producer", "kafka"),
    *(("api", to) for to in ("kafka", "redis")),
    *(("feed", to) for to in ("kafka", "redis")),
}
"""Arrows that are seen whenever one looks; the others are of moments: a registration, a schema, a visitor of the pages."""


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Running]:
    it = Running(tmp_path)
    yield it
    it.stop()


def family(pid: int) -> list[psutil.Process]:
    """Return a process and all it has started."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def sockets(pid: int) -> tuple[set[int], set[int]]:
    """Return the ports that a part listens on, and those on the other side of its connections."""
    listened, reached = set[int](), set[int]()
    for process in family(pid):
        try:
            found = process.net_connections("tcp")
        except psutil.NoSuchProcess:
            continue
        listened |= {it.laddr.port for it in found if it.status == psutil.CONN_LISTEN}
        reached |= {it.raddr.port for it in found if it.raddr and it.status != psutil.CONN_LISTEN}
    return listened, reached


def look(parts: dict[str, int]) -> set[tuple[str, str]]:
    """Return who is connected with whose listening port, just now; a part's connections with itself are left out."""
    seen = {name: sockets(pid) for name, pid in parts.items()}
    return {
        (opener, to)
        for opener, (_, reached) in seen.items()
        for to, (listened, _) in seen.items()
        if opener != to and reached & listened
    }


def test_every_connection_of_the_running_platform_is_drawn(platform: Running) -> None:
    """Who talks to whom is seen from outside, by the sockets of each part's processes, and compared with the list."""
    api = platform.wait(platform.address, UP)
    platform.wait(lambda: httpx.get(f"{api}/readyz").status_code == 200, BACK)
    parts = {NAMES.get(name, name): part["pid"] for name, part in platform.parts().items() if name != "supervisor"}
    found: set[tuple[str, str]] = set()
    until = time.monotonic() + WATCHED_FOR
    while time.monotonic() < until:
        found |= look(parts)
        time.sleep(0.1)
    assert found - {(it.opener, it.to) for it in drawn()} == set()
    assert found >= ALWAYS

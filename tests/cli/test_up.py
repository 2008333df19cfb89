"""`millrace up`, the whole of it: for real, killed, and stopped."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.cli.calling import millrace
from tests.platform import BACK, UP, Running, ask

pytestmark = pytest.mark.stack


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """A platform, gone afterwards."""
    platform = Running(tmp_path, "--no-dashboard")
    yield platform
    platform.process.kill()
    platform.process.wait()


def test_it_comes_up_answers_survives_its_parts_and_leaves_within_ten_seconds(running: Running) -> None:
    """One command, one Ctrl-C; between them anything may be killed."""
    api = running.wait(running.address, UP)
    running.wait(lambda: httpx.get(f"{api}/v1/use-cases/flight-delay/example").status_code == 200, BACK)
    answer = ask(api)
    assert re.fullmatch(r"flight-delay\.0\.1\.\d+(~\d+)?", answer["state_id"])

    before = running.parts()
    assert {part["state"] for part in before.values()} == {"ready"}
    for name in ("redis", "trainer", "api"):
        os.kill(before[name]["pid"], signal.SIGKILL)
    running.wait(lambda: {part["state"] for part in running.parts().values()} == {"ready"}, BACK)
    after = running.parts()
    assert {name for name in after if after[name]["restarts"]} == {"redis", "trainer", "api"}
    assert {name: part["address"] for name, part in after.items()} == {
        name: part["address"] for name, part in before.items()
    }
    assert ask(api)["state_id"] != answer["state_id"]
    assert "goes on in epoch 1" in running.said.read_text()
    rebuilt = millrace("rebuild", "flight-delay", "--json", home=running.home)
    assert json.loads(rebuilt.stdout)["matches"] is True, rebuilt.stderr

    pids = [pid for part in after.values() if (pid := part["pid"])]
    below = [it for pid in pids for it in psutil.Process(pid).children(recursive=True)]
    began = time.monotonic()
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(15) == 0
    assert time.monotonic() - began < 10.0
    assert [it for it in below if it.is_running() and it.status() != psutil.STATUS_ZOMBIE] == []
    assert "killed" not in running.said.read_text().partition("stopping")[2]

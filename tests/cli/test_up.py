"""`millrace up`, the whole of it: for real, killed, and stopped."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.cli.calling import millrace

pytestmark = pytest.mark.stack

UP = 150.0
BACK = 60.0


class Running:
    """A platform that was started as a person starts it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.said = home / "up.output"
        clean = {name: value for name, value in os.environ.items() if not name.startswith("MILLRACE_")}
        with self.said.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "millrace.cli", "up", "--home", str(home), "--no-dashboard"],
                env=clean,
                stdout=out,
                stderr=out,
            )

    def wait(self, condition: Callable[[], Any], seconds: float) -> Any:
        """Wait until something holds, and return it."""
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < deadline, self.said.read_text()[-3000:]
            assert self.process.poll() is None, self.said.read_text()[-3000:]
            time.sleep(0.2)
        return found

    def address(self) -> str:
        """Return where the API is, as `up` said."""
        found = re.search(r"^API +(http://[^/\s]+)", self.said.read_text(), re.MULTILINE)
        return found[1] if found else ""

    def status(self) -> dict[str, Any]:
        """Return what `millrace status --json` says."""
        return dict(json.loads(millrace("status", "--json", home=self.home).stdout))

    def parts(self) -> dict[str, dict[str, Any]]:
        """Return the parts by name."""
        return {part["name"]: part for part in self.status()["parts"]}


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """A platform, gone afterwards."""
    platform = Running(tmp_path)
    yield platform
    platform.process.kill()
    platform.process.wait()


def test_it_comes_up_answers_survives_its_parts_and_leaves_within_ten_seconds(running: Running) -> None:
    """One command, one Ctrl-C; between them anything may be killed."""
    api = running.wait(running.address, UP)
    running.wait(lambda: httpx.get(f"{api}/v1/use-cases/flight-delay/example").status_code == 200, BACK)
    answer = _ask(api)
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
    assert _ask(api)["state_id"] != answer["state_id"]
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


def _ask(api: str) -> dict[str, Any]:
    use_case = f"{api}/v1/use-cases/flight-delay"
    event = httpx.get(f"{use_case}/example").json()
    answer = httpx.post(f"{use_case}/predict", json=event)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())

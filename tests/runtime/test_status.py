"""`status` tells what really is, not what was written down."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec

from millrace.runtime.health import Health, HealthServer
from millrace.runtime.home import Home, PartStanding, Standing
from millrace.runtime.status import memory, memory_below, resolved, status

LINE = {
    "use_case": "parcels", "shard": 0, "owner": "this trainer", "state_id": "parcels.0.1.7", "lag": 3,
    "checkpoint_age_s": 1.5, "champion": "linear", "troubles": {"checkpoints": "the disk is full"},
}  # fmt: skip


def test_nothing_runs_when_nobody_holds_the_home(tmp_path: Path) -> None:
    """What a killed platform wrote last is no news."""
    home = Home(tmp_path)
    with home.claim():
        home.write(Standing(pid=1, guard=2, started_at="", environment={}, parts=[]))
    assert not status(home).running


def test_parts_and_shards_are_told_with_the_promised_fields(tmp_path: Path) -> None:
    """Scripts rely on them."""
    health = Health()
    health.details = lambda: {"shards": [LINE]}
    server = HealthServer(health, "127.0.0.1", 0, "producer")
    server.start()
    url = f"http://127.0.0.1:{server.port}"
    part = PartStanding(
        name="trainer", address=url, pid=os.getpid(), state="ready", restarts=1, log="trainer.log", health=url
    )
    home = Home(tmp_path)
    with home.claim():
        home.write(Standing(pid=os.getpid(), guard=os.getpid(), started_at="", environment={}, parts=[part]))
        found = subprocess.run(
            [sys.executable, "-m", "millrace.cli", "status", "--json", "--home", str(tmp_path)],
            capture_output=True,
            check=False,
        )
    server.stop()
    told = msgspec.json.decode(found.stdout)
    assert [part["name"] for part in told["parts"]] == ["supervisor", "trainer"]
    assert {"name", "address", "pid", "state", "memory_mb"} <= set(told["parts"][1])
    assert told["parts"][1]["memory_mb"] > 10
    assert told["shards"] == [{**{key: value for key, value in LINE.items() if key != "champion"}, "said": ""}]


def test_the_memory_of_a_part_is_that_of_all_its_processes() -> None:
    """A wrapper weighs nothing; what it started does."""
    below = "x = bytearray(40_000_000); print(flush=True); input()"
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {below!r}])"
    parent = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    parent.stdout.readline()
    assert memory_below(parent.pid) > memory(parent.pid) + 35_000_000
    parent.communicate(b"\n")
    assert memory_below(parent.pid) == 0


def test_an_address_in_a_file_is_read(tmp_path: Path) -> None:
    """People want the address, not where it is written."""
    file = tmp_path / "address"
    assert resolved(f"@{file}") == f"@{file}"
    file.write_text("127.0.0.1:1234\n")
    assert resolved(f"@{file}") == "127.0.0.1:1234"

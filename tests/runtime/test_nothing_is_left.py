"""A killed supervisor leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from millrace.runtime.supervision.guard import Guard
from tests.runtime.tiny import alive, until

SUPERVISES = """
import asyncio, sys
from pathlib import Path
from millrace.runtime.supervision import child
from millrace.runtime.supervision.supervisor import Supervisor
from tests.runtime.tiny import part

if sys.argv[2] == "guard alone":
    child._tied = lambda: []
folder = Path(sys.argv[1])
script = (
    "import os, subprocess, sys, time\\n"
    "below = subprocess.Popen([sys.executable, '-IS', '-c', 'import time; time.sleep(60)'])\\n"
    "open(sys.argv[1], 'w').write(f'{os.getpid()} {below.pid} ')\\n"
    "time.sleep(60)"
)
parts = [part(name, script, folder / f"{name}.pids") for name in ("one", "two")]
asyncio.run(Supervisor(parts, folder, lambda it: None).run())
"""


@pytest.mark.parametrize("how", ["tied by the kernel too", "guard alone"])
async def test_no_process_outlives_a_supervisor_that_is_killed(tmp_path: Path, how: str) -> None:
    """Children and their children go with it, on systems whose kernel cannot tie them as well."""
    supervisor = subprocess.Popen([sys.executable, "-c", SUPERVISES, str(tmp_path), how])
    files = [tmp_path / "one.pids", tmp_path / "two.pids"]
    await until(lambda: all(it.exists() and it.read_text().endswith(" ") for it in files))
    pids = [int(pid) for it in files for pid in it.read_text().split()]
    assert all(map(alive, pids))
    supervisor.send_signal(signal.SIGKILL)
    supervisor.wait()
    await until(lambda: not any(map(alive, pids)), seconds=5.0)


async def test_a_killed_guard_is_replaced_and_knows_what_it_has_to_guard() -> None:
    """Who guards the guard: the supervisor."""
    guard = Guard()
    sleeper = subprocess.Popen([sys.executable, "-IS", "-c", "import time; time.sleep(60)"], start_new_session=True)
    guard.add(sleeper.pid)
    first = guard.pid
    os.kill(first, signal.SIGKILL)
    await until(lambda: not alive(first))
    guard.check()
    assert guard.pid != first
    guard.close()
    assert sleeper.wait(5) == -signal.SIGKILL


def test_what_was_released_is_not_touched() -> None:
    """Its number may be another process's by now."""
    guard = Guard()
    sleeper = subprocess.Popen([sys.executable, "-IS", "-c", "import time; time.sleep(60)"], start_new_session=True)
    guard.add(sleeper.pid)
    guard.release(sleeper.pid)
    guard.close()
    assert sleeper.poll() is None
    sleeper.kill()
    sleeper.wait()

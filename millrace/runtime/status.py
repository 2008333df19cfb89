"""How the platform of a home is: its parts with their memory, its shards with their lag."""

from __future__ import annotations

from typing import Any

import msgspec
import psutil  # type: ignore[import-untyped]

from millrace.runtime.home import Home, Standing
from millrace.runtime.supervision.probe import ask

_MB = 1_000_000
_FIELDS = ("use_case", "shard", "owner", "state_id", "lag", "checkpoint_age_s")


class PartStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One part, and why it is not ready. `memory_mb` is that of its process and all below it, what they share counted once.

    `health` is the URL under which it answers `/livez`, `/readyz` and `/metrics`; empty where it does not.
    """

    name: str
    address: str
    pid: int | None
    state: str
    memory_mb: float
    restarts: int
    log: str
    why: str = ""
    health: str = ""


class ShardStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One shard, as its trainer tells."""

    use_case: str
    shard: int
    owner: str
    state_id: str
    lag: int | None
    checkpoint_age_s: float | None
    said: str = ""
    troubles: dict[str, str] = {}


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What `millrace status --json` prints."""

    running: bool
    memory_mb: float
    parts: list[PartStatus]
    shards: list[ShardStatus]


def status(home: Home) -> Status:
    """Return how the platform of a home is now."""
    standing = home.standing()
    if standing is None or not home.running():
        return Status(running=False, memory_mb=0.0, parts=[], shards=[])
    parts = _parts(standing)
    return Status(
        running=True,
        memory_mb=round(sum(part.memory_mb for part in parts), 1),
        parts=parts,
        shards=[shard for part in standing.parts if part.health for shard in _shards(part.health)],
    )


def _parts(standing: Standing) -> list[PartStatus]:
    supervisor = PartStatus(
        name="supervisor",
        address="-",
        pid=standing.pid,
        state="ready",
        memory_mb=round((memory(standing.pid) + memory(standing.guard)) / _MB, 1),
        restarts=0,
        log="-",
    )
    others = [
        PartStatus(
            name=part.name,
            address=resolved(part.address),
            pid=part.pid,
            state=part.state,
            memory_mb=round(memory_below(part.pid) / _MB, 1),
            restarts=part.restarts,
            log=part.log,
            why=part.why,
            health=part.health,
        )
        for part in standing.parts
    ]
    return [supervisor, *others]


def resolved(address: str) -> str:
    """Return an address; one that lies in a file (`@FILE`) is read."""
    if not address.startswith("@"):
        return address
    try:
        with open(address[1:], encoding="utf-8") as file:
            return file.read().strip()
    except FileNotFoundError:
        return address


def memory_below(pid: int | None) -> int:
    """Return the bytes of a process and all its descendants; 0 when it is gone."""
    try:
        process = psutil.Process(pid) if pid else None
        below = process.children(recursive=True) if process else []
    except psutil.NoSuchProcess:
        return 0
    return sum(memory(each.pid) for each in ([process, *below] if process else []))


def memory(pid: int) -> int:
    """Return the proportional set size of a process in bytes; where the system does not tell, its resident size."""
    try:
        process = psutil.Process(pid)
        return int(getattr(process.memory_full_info(), "pss", 0) or process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
    except psutil.AccessDenied:
        return int(psutil.Process(pid).memory_info().rss)


def _shards(health: str) -> list[ShardStatus]:
    _, body = ask(f"{health}/readyz")
    return [_shard(line) for line in body.get("shards", []) if isinstance(line, dict) and "state_id" in line]


def _shard(line: dict[str, Any]) -> ShardStatus:
    found = {name: line.get(name) for name in _FIELDS}
    return msgspec.convert(
        {**found, "said": line.get("said", ""), "troubles": line.get("troubles", {})}, ShardStatus, strict=False
    )

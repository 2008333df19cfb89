"""The embedded log: librdkafka's own mock cluster, which speaks Kafka's protocol on loopback, in this process.

It keeps everything in memory, and nothing beyond about 5 MB a partition: the oldest goes first. Each start is another
cluster, empty.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path
from types import FrameType

import structlog
from confluent_kafka import Producer

from millrace.domain.errors import NotReady
from millrace.runtime.embedded.part import Part
from millrace.runtime.settings import Connections

PARTITIONS = 4
"""What every topic gets when it is first asked for; the mock cluster takes no other wish."""
KEPT_MB_PER_PARTITION = 5
"""What the mock cluster keeps of each partition (5 MiB, or 100,000 batches), whatever it is told."""
_START_SECONDS = 10.0
_POLL_SECONDS = 0.25

log = structlog.get_logger()


def serve(address_file: Path) -> int:
    """Run the log until SIGTERM or SIGINT; return the exit status.

    The address is in `address_file` as long as it serves; whoever connects reads it anew (`@FILE`).
    """
    stopping = Stop()
    cluster = Producer({"test.mock.num.brokers": 1, "log_level": 3})
    address = _address(cluster)
    announce(address_file, address)
    log.info(
        "log ready",
        address=address,
        kept="in memory only: a restart loses all of it",
        partitions_per_topic=PARTITIONS,
        kept_mb_per_partition=KEPT_MB_PER_PARTITION,
    )
    while not stopping.asked:
        cluster.poll(_POLL_SECONDS)
    retract(address_file, address)
    log.info("log stopped", address=address)
    return 0


def part(connections: Connections) -> Part:
    """Return the embedded log as a part; its bootstrap setting is `@` and the file named by its address."""
    place = connections.home.absolute() / "log" / "address"
    argv = [sys.executable, "-m", "millrace.runtime.embedded.log", str(place)]
    return Part(name="log", argv=argv, env={}, address=f"@{place}", ready=lambda: ready(place), order=0)


def ready(address_file: Path) -> bool:
    """Tell whether a log announced its address in a file, and takes connections there."""
    return address_file.exists() and listens(address_file.read_text())


def listens(address: str) -> bool:
    """Tell whether something takes connections at an address."""
    host, _, port = address.partition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=0.5):
            return True
    except OSError:
        return False


def announce(address_file: Path, address: str) -> None:
    """Write an address where readers find it, whole or not at all."""
    address_file.parent.mkdir(parents=True, exist_ok=True)
    draft = address_file.with_name(f"{address_file.name}.{os.getpid()}")
    draft.write_text(address)
    draft.replace(address_file)


def retract(address_file: Path, address: str) -> None:
    """Take an address back, unless a successor has already written its own."""
    if address_file.exists() and address_file.read_text() == address:
        address_file.unlink()


def _address(cluster: Producer) -> str:
    brokers = cluster.list_topics(timeout=_START_SECONDS).brokers.values()
    for broker in brokers:
        return f"{broker.host}:{broker.port}"
    raise NotReady(f"the embedded log did not start within {_START_SECONDS:g} s")


class Stop:
    """Remembers that SIGTERM or SIGINT asked to stop."""

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True


if __name__ == "__main__":
    sys.exit(serve(Path(sys.argv[1])))

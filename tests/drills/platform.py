"""The trainer and the producer as real processes on real services, to be killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, Protocol

import httpx
import msgspec

from millrace.adapters.bus.kafka import KafkaBus
from millrace.adapters.bus.port import TopicPartition
from millrace.runtime.embedded.ports import free_ports
from millrace.runtime.settings import Connections

USE_CASE = "flight-delay"


class Connected(Protocol):
    """Whatever says where log, stores and registry are."""

    connections: Connections


class Platform:
    """One trainer, one producer."""

    def __init__(self, stack: Connected, home: Path) -> None:
        self.stack = stack
        self.home = home
        self.trainer_port, self.producer_port = free_ports(2)
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def env(self, **more: object) -> dict[str, str]:
        """Return what the processes are told."""
        it = self.stack.connections
        told = {
            "HOME": it.home, "KAFKA": it.kafka, "EMBEDDED_LOG": it.embedded_log, "S3_ENDPOINT": it.s3_endpoint,
            "REDIS": it.redis, "MLFLOW": it.mlflow, "USE_CASE": USE_CASE, "TRAINER_PORT": self.trainer_port,
            "PRODUCER_PORT": self.producer_port, "CHECKPOINT_INTERVAL": 3, "S3_ACCESS_KEY": it.s3_access_key,
            "S3_SECRET_KEY": it.s3_secret_key.get_secret_value(), **more,
        }  # fmt: skip
        return {**os.environ, **{f"MILLRACE_{name}": str(value) for name, value in told.items()}}

    def start(self, part: str, **settings: object) -> None:
        """Start a part; its output goes to a file."""
        with (self.home / f"{part}.output").open("ab") as out:
            module = {"trainer": "trainer.main", "producer": "producers.main"}[part]
            self._running[part] = subprocess.Popen(
                [sys.executable, "-c", f"from {module} import run; run()"],
                env=self.env(**settings),
                stdout=out,
                stderr=out,
            )

    def kill(self, part: str) -> None:
        """End a part as a crash would."""
        self._running[part].kill()
        self._running[part].wait()

    def stop(self, part: str) -> int:
        """Ask a part to stop; return its exit status."""
        self._running[part].send_signal(signal.SIGTERM)
        return self._running[part].wait(15)

    def stop_all(self) -> None:
        """End what still runs."""
        for process in self._running.values():
            process.kill()
            process.wait()

    def shard(self) -> dict[str, Any]:
        """Return the trainer's line of its shard, empty while there is none."""
        try:
            shards = httpx.get(f"http://127.0.0.1:{self.trainer_port}/readyz", timeout=2, trust_env=False).json()[
                "shards"
            ]
        except (httpx.HTTPError, KeyError):
            return {}
        return dict(shards[0]) if shards else {}

    def wait(self, condition: Any, seconds: float = 90.0) -> dict[str, Any]:
        """Wait until the shard's line fulfils a condition."""
        deadline = time.monotonic() + seconds
        while not ((line := self.shard()) and condition(line)):
            assert time.monotonic() < deadline, (line, self.output("trainer")[-3000:])
            time.sleep(0.2)
        return line

    def output(self, part: str) -> str:
        """Return what a part has said."""
        return (self.home / f"{part}.output").read_text()

    def bus(self) -> KafkaBus:
        """Return a client of the log."""
        it = self.stack.connections
        return KafkaBus(it.bootstrap, embedded=it.embedded_log, client_id="drill")

    def predictions(self) -> Counter[str]:
        """Return how often each event id is among the readable predictions."""
        return asyncio.run(self._count("predictions", "event_id"))

    def events(self) -> Counter[str]:
        """Return how often each event id is among the events."""
        return asyncio.run(self._count("events", "flight_id"))

    async def _count(self, kind: str, field: str) -> Counter[str]:
        bus, topic = self.bus(), f"{USE_CASE}.{kind}"
        count = (await bus.ensure_topics({topic: 1}))[topic]
        where = [TopicPartition(topic, number) for number in range(count)]
        ends = await bus.end(where)
        reader = await bus.reader(await bus.beginning(where))
        found: Counter[str] = Counter()
        while any(reader.position(each) < ends[each] for each in where):
            for records in (await reader.read(timeout=1.0)).values():
                found.update(msgspec.json.decode(it.value or b"{}")[field] for it in records)
        await reader.close()
        await bus.close()
        return found

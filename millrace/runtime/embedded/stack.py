"""Some parts started together for one purpose (a measure, a test), in processes of their own, gone afterwards."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Literal

from millrace.domain.errors import Unreachable
from millrace.runtime.embedded import kafka, log, mlflow, redis, s3
from millrace.runtime.embedded.part import Part
from millrace.runtime.embedded.ports import free_ports
from millrace.runtime.settings import Connections

START_SECONDS = 90.0

Log = Literal["embedded", "local"] | str


class Stack:
    """Log, object store and online store, and the registry where it is asked for.

    `log` is `embedded`, `local` (real Kafka) or the address of one that is there. Use it in a `with` statement.
    """

    def __init__(self, log_kind: Log, home: Path, *, registry: bool = False) -> None:
        s3_port, redis_port, mlflow_port = free_ports(3)
        self.connections = Connections(
            home=home,
            kafka=log_kind,
            embedded_log=log_kind == "embedded",
            s3_endpoint=f"http://127.0.0.1:{s3_port}",
            redis=f"redis://127.0.0.1:{redis_port}/0",
            mlflow=f"http://127.0.0.1:{mlflow_port}",
        )
        connections = self.connections
        self.parts: dict[str, Part] = {
            "s3": s3.part(connections, s3_port),
            "redis": redis.part(connections, redis_port),
            **({"mlflow": mlflow.part(connections, mlflow_port)} if registry else {}),
        }
        if log_kind in ("embedded", "local"):
            self.parts["log"] = log.part(connections) if log_kind == "embedded" else kafka.part(connections)
            self.connections = connections.model_copy(update={"kafka": self.parts["log"].address})
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Stack:
        for name in self.parts:
            self.start(name)
        self.wait_ready()
        return self

    def start(self, name: str) -> None:
        """Start a part."""
        part = self.parts[name]
        with (self.connections.home / f"{name}.output").open("ab") as out:
            self._running[name] = subprocess.Popen(  # noqa: S603 - our own parts
                part.argv, env={**os.environ, **part.env}, stdout=out, stderr=out
            )

    def kill(self, name: str) -> None:
        """End a part at once, as a crash would."""
        self._running[name].kill()
        self._running[name].wait()

    def wait_ready(self) -> None:
        """Wait until every part answers; raise `Unreachable`, naming those that do not."""
        deadline = time.monotonic() + START_SECONDS
        while late := [name for name, part in self.parts.items() if not part.ready()]:
            ended = [name for name in late if self._running[name].poll() is not None]
            if ended or time.monotonic() > deadline:
                self.__exit__()
                raise Unreachable(
                    f"{', '.join(ended or late)} did not start; see its .output file in {self.connections.home}"
                )
            time.sleep(0.1)

    def __exit__(self, *_: object) -> None:
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            process.wait(15)

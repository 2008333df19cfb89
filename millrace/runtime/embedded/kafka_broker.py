"""One process of Apache Kafka: its settings, its storage, its start and its end."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import time
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import structlog

from millrace.adapters.bus.kafka import KafkaBus
from millrace.domain.errors import Unreachable
from millrace.runtime.embedded.kafka_jars import NoKafka, java
from millrace.runtime.embedded.log import listens

_START_SECONDS = 60.0
_STOP_SECONDS = 9.0
_POLL_SECONDS = 0.25
_HEAP = ["-Xms64m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:MaxDirectMemorySize=128m"]
_PROPERTIES = """# Written anew at each start.
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker}
controller.listener.names=CONTROLLER
log.dirs={data}
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
log.cleaner.dedupe.buffer.size=4194304
log.segment.bytes=134217728
num.network.threads=2
num.io.threads=4
"""

log = structlog.get_logger()


class Broker:
    """One broker process: jars, a folder of its own, and ports."""

    def __init__(self, libs: Path, folder: Path, ports: dict[str, int]) -> None:
        self._libs = libs
        self._folder = folder
        self._data = folder / "data"
        self._ports = ports
        self.address = f"127.0.0.1:{ports['broker']}"
        self.log_file = folder / "broker.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Format the storage if it is new, start the broker, and return when it answers; raise `NoKafka` if not."""
        self._folder.mkdir(parents=True, exist_ok=True)
        end_orphan(self._folder)
        properties = self._folder / "server.properties"
        properties.write_text(_PROPERTIES.format(data=self._data.absolute(), **self._ports))
        if not (self._data / "meta.properties").exists():
            self._format(properties)
        with self.log_file.open("ab") as out:
            argv = [*self._java(), "kafka.Kafka", str(properties)]
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out)  # noqa: S603
        _pid_file(self._folder).write_text(str(self.process.pid))
        self._await_answer()

    def stop(self) -> None:
        """Stop the broker; kill it when it takes too long."""
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        _pid_file(self._folder).unlink(missing_ok=True)

    def kill(self) -> None:
        """End the broker as SIGKILL does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def alive(self) -> bool:
        """Tell whether the broker's process runs."""
        return self.process is not None and self.process.poll() is None

    def _java(self) -> list[str]:
        quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        return [java(), *_HEAP, quiet, "-cp", str(self._libs.absolute() / "*")]

    def _format(self, properties: Path) -> None:
        tool = [*self._java(), "kafka.tools.StorageTool"]
        cluster_id = _output([*tool, "random-uuid"]).splitlines()[-1]
        _output([*tool, "format", "-t", cluster_id, "-c", str(properties)])

    def _await_answer(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + _START_SECONDS
        while not (listens(self.address) and asyncio.run(answers(self.address))):
            time.sleep(_POLL_SECONDS)
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise NoKafka(f"Apache Kafka did not start; the end of {self.log_file}:\n{self._last_words()}")

    def _last_words(self) -> str:
        return self.log_file.read_text(errors="replace")[-1500:]


def end_orphan(folder: Path) -> bool:
    """End the broker of a folder whose supervisor was killed: it holds ports and data. Tell whether there was one."""
    with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError, ValueError):
        orphan = psutil.Process(int(_pid_file(folder).read_text()))
        if str(folder / "server.properties") in orphan.cmdline():
            log.warning("ending a broker that was left running", pid=orphan.pid)
            orphan.kill()
            orphan.wait(_STOP_SECONDS)
            return True
    return False


def _pid_file(folder: Path) -> Path:
    return folder / "broker.pid"


async def answers(address: str) -> bool:
    """Tell whether a cluster answers at an address, within a second."""
    bus = KafkaBus(address, patience=1.0)
    try:
        return bool(await bus.cluster_id())
    except Unreachable:
        return False
    finally:
        await bus.close()


def _output(argv: list[str]) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise NoKafka(f"Kafka's storage could not be made ready: {(done.stdout + done.stderr).strip()[:600]}")
    return done.stdout.strip()

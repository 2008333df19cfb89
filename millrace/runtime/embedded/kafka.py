"""Real Apache Kafka on this machine: one broker that is its own controller (KRaft), on loopback, data kept.

python -m millrace.runtime.embedded.kafka                  start it in the background, and return when it answers
python -m millrace.runtime.embedded.kafka --foreground     run it until Ctrl-C
python -m millrace.runtime.embedded.kafka --stop           stop the one in the background
python -m millrace.runtime.embedded.kafka --fetch-only     only fetch the jars
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import structlog
from typer import echo

from millrace.domain.errors import MillraceError
from millrace.runtime.embedded.kafka_broker import Broker, end_orphan
from millrace.runtime.embedded.kafka_jars import NoKafka, jars, version
from millrace.runtime.embedded.log import Stop, announce, ready, retract
from millrace.runtime.embedded.part import Part
from millrace.runtime.embedded.ports import is_free, kept_ports
from millrace.runtime.settings import Connections

_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.25
_USUAL_PORT = 9092

log = structlog.get_logger()


def part(connections: Connections) -> Part:
    """Return real Kafka as a part; its bootstrap setting is `@` and the file named by its address."""
    home = connections.home.absolute()
    place = _place(home)
    argv = [sys.executable, "-m", "millrace.runtime.embedded.kafka", "--foreground", "--home", str(home)]
    return Part(name="kafka", argv=argv, env={}, address=f"@{place}", ready=lambda: ready(place), order=0)


def serve(home: Path, port: int | None = None, *, address_file: Path | None = None) -> int:
    """Run a broker until SIGTERM or SIGINT; return the exit status.

    `address_file` (by default `kafka/address` under `home`) holds the address as long as it serves. If the broker
    ends by itself, the status is not 0.
    """
    stop = Stop()
    _claim(home)
    libs = jars(home / "kafka")
    broker = Broker(libs, home / "kafka", _ports(home / "kafka" / "ports.json", port))
    place = address_file or _place(home)
    try:
        broker.start()
        announce(place, broker.address)
        log.info("kafka ready", address=broker.address, version=version(libs), data=str(home / "kafka" / "data"))
        while not stop.asked and broker.alive():
            time.sleep(_POLL_SECONDS)
    finally:
        retract(place, broker.address)
        broker.stop()
        (home / "kafka" / "serve.pid").unlink(missing_ok=True)
    log.info("kafka stopped", address=broker.address, asked=stop.asked)
    return 0 if stop.asked else 1


def _place(home: Path) -> Path:
    return home / "kafka" / "address"


def _ports(file: Path, port: int | None) -> dict[str, int]:
    """Return the ports of the last time, unless told; the usual one at first, if it is free."""
    if not file.exists() and port is None and is_free(_USUAL_PORT):
        port = _USUAL_PORT
    ports = kept_ports(file, ["broker", "controller"])
    if port is not None:
        ports = {**ports, "broker": port}
        file.write_text(json.dumps(ports))
    return ports


def start_behind(home: Path, port: int | None) -> str:
    """Start a broker in the background; return its address once it answers. One that runs already is left alone."""
    place = _place(home)
    if _supervisor(home) is None:
        words = home / "kafka" / "serve.log"
        process = _spawn(home, port, words)
        while not (_supervisor(home) and ready(place)):
            if process.poll() is not None:
                raise NoKafka(f"Apache Kafka did not start:\n{words.read_text()[-1500:]}")
            time.sleep(_POLL_SECONDS)
    return place.read_text()


def _spawn(home: Path, port: int | None, words: Path) -> subprocess.Popen[bytes]:
    jars(home / "kafka")
    argv = [sys.executable, "-m", "millrace.runtime.embedded.kafka", "--foreground", "--home", str(home)]
    argv += [] if port is None else ["--port", str(port)]
    with words.open("wb") as out:
        return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)  # noqa: S603


def stop_behind(home: Path) -> bool:
    """Stop the broker of a home, whoever started it; tell whether there was one."""
    supervisor = _supervisor(home)
    if supervisor is None:
        return end_orphan(home / "kafka")
    supervisor.terminate()
    supervisor.wait(_STOP_SECONDS)
    return True


def _claim(home: Path) -> None:
    """Take a home over; raise `NoKafka` when another process serves it."""
    other = _supervisor(home)
    if other is not None and other.pid != os.getpid():
        raise NoKafka(f"process {other.pid} already runs Apache Kafka from {home}; stop it with --stop")
    (home / "kafka").mkdir(parents=True, exist_ok=True)
    (home / "kafka" / "serve.pid").write_text(str(os.getpid()))


def _supervisor(home: Path) -> psutil.Process | None:
    """Return the process that serves a home, if it is alive."""
    with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError, ValueError):
        process = psutil.Process(int((home / "kafka" / "serve.pid").read_text()))
        if any("kafka" in word for word in process.cmdline()):
            return process
    return None


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m millrace.runtime.embedded.kafka", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--foreground", action="store_true", help="run until Ctrl-C")
    parser.add_argument("--stop", action="store_true", help="stop the broker in the background")
    parser.add_argument("--fetch-only", action="store_true", help="only fetch the jars")
    parser.add_argument("--home", type=Path, default=Path(".millrace"), help="folder for jars and data")
    parser.add_argument("--port", type=int, help="port to listen on; by default that of the last time, or 9092")
    return parser.parse_args()


def main() -> int:
    """Do what the command line asks."""
    asked = _arguments()
    home = asked.home.absolute()
    try:
        if asked.stop:
            echo("stopped" if stop_behind(home) else "no broker in the background")
        elif asked.fetch_only:
            echo(f"Apache Kafka {version(jars(home / 'kafka'))} is in {asked.home / 'kafka' / 'libs'}")
        elif asked.foreground:
            return serve(home, asked.port)
        else:
            echo(f"Apache Kafka answers at {start_behind(home, asked.port)}; --stop stops it")
    except MillraceError as failure:
        echo(str(failure), err=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

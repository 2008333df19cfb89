"""Real stores and a real registry for the suites, each started once, when first asked for."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from millrace.runtime.embedded import mlflow, redis, s3
from millrace.runtime.embedded.part import Part
from millrace.runtime.settings import Connections

START = 300.0
"""Seconds until a part must answer: MLflow makes its tables, on a machine that may have other work."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(part: Part, log: Path) -> subprocess.Popen[bytes]:
    """Start a part and wait until it answers."""
    with log.open("ab") as out:
        process = subprocess.Popen(part.argv, env={**os.environ, **part.env}, stdout=out, stderr=out)
    deadline = time.monotonic() + START
    while not part.ready():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise AssertionError(f"{part.name} did not start:\n{log.read_text()[-3000:]}")
        time.sleep(0.05)
    return process


@contextmanager
def running(part: Part, home: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = start(part, home / f"{part.name}.log")
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@asynccontextmanager
async def silence() -> AsyncIterator[int]:
    """Listen on a port, take connections, and never say a word: a service that hangs."""

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def s3_connections(home: Path) -> Iterator[Connections]:
    """An S3 server."""
    port = free_port()
    connections = Connections.model_validate({"home": home, "s3_endpoint": f"http://127.0.0.1:{port}"})
    with running(s3.part(connections, port), home):
        yield connections


@pytest.fixture(scope="session")
def redis_url(home: Path) -> Iterator[str]:
    """A Valkey server."""
    part = redis.part(Connections.model_validate({"home": home}), free_port())
    with running(part, home):
        yield part.address


@pytest.fixture(scope="session")
def mlflow_connections(home: Path, s3_connections: Connections) -> Iterator[Connections]:
    """An MLflow server on SQLite, and the S3 server its artifacts lie on."""
    port = free_port()
    connections = s3_connections.model_copy(update={"mlflow": f"http://127.0.0.1:{port}"})
    with running(mlflow.part(connections, port), home):
        yield connections

"""The fake API as a real server, and a folder in which Reflex may put what it wants."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import uvicorn

from apps.dashboard.api import Api
from tests.dashboard.fake_api import FakeApi, make


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(fake: FakeApi, port: int, every: float = 0.5) -> Iterator[str]:
    """Serve the fake API while the block runs."""
    server = uvicorn.Server(
        uvicorn.Config(make(fake, every), port=port, log_level="critical", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(timeout=5)


@pytest.fixture
def fake() -> FakeApi:
    return FakeApi()


@pytest.fixture
def api_url(fake: FakeApi) -> Iterator[str]:
    with running(fake, free_port()) as url:
        yield url


@pytest.fixture
async def api(api_url: str) -> AsyncIterator[Api]:
    it = Api(api_url, timeout=2)
    yield it
    await it.close()


@pytest.fixture(scope="session")
def pages_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pages")


@pytest.fixture
def in_pages(pages_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder as Reflex expects one: it links assets into the folder it is imported in."""
    from apps.dashboard.build import prepare
    from apps.dashboard.settings import settings

    monkeypatch.setenv("MILLRACE_PAGES", str(pages_folder))
    settings.cache_clear()
    prepare()
    monkeypatch.chdir(pages_folder)
    monkeypatch.setenv("REFLEX_TELEMETRY_ENABLED", "false")
    monkeypatch.setenv("REFLEX_DIR", str(pages_folder / ".reflex"))
    return pages_folder

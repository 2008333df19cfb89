"""`millrace up` says what is wrong with a server that it was given, and when it is well again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from millrace.adapters.checkpoints.s3 import open_store
from millrace.cli import given
from millrace.cli.given import Given
from millrace.runtime.embedded import s3
from millrace.runtime.parts import Wishes
from millrace.runtime.settings import Connections
from millrace.runtime.supervision.supervisor import Happening
from tests.adapters.conftest import free_port, running
from tests.chart.servers import WHY_NOT_MINIO, is_minio_here, servers

NAMES = ("kafka", "s3", "redis", "mlflow")


def watching(home: Path, told: list[Happening], **where: object) -> Given:
    """Watch what is given by `where`; nothing listens at the rest."""
    nobody = free_port()
    away = {"kafka": f"127.0.0.1:{nobody}", "s3_endpoint": f"http://127.0.0.1:{nobody}"}
    away |= {"redis": f"redis://:xyzzy@127.0.0.1:{nobody}/0", "mlflow": f"http://127.0.0.1:{nobody}"}
    its = Connections.model_validate({"home": home, **away, **where})
    wishes = Wishes(home=home, use_cases=[], kafka=its.kafka, s3=its.s3_endpoint, redis=its.redis, mlflow=its.mlflow)
    return Given(wishes, its, told.append)


@contextmanager
def answering(status: int, words: str) -> Iterator[str]:
    """Answer every request alike, as an MLflow in trouble does."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(words.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("name", NAMES)
async def test_a_server_that_is_away_is_named_with_its_address(tmp_path: Path, name: str) -> None:
    """Whoever mistypes an address reads it again, without the password in it."""
    trouble = await watching(tmp_path, []).trouble(name)
    assert "127.0.0.1" in trouble
    assert "xyzzy" not in trouble


async def test_a_key_that_the_store_does_not_know_is_named(tmp_path: Path) -> None:
    """The reader's as well as the trainer's."""
    port = free_port()
    its = Connections.model_validate({"home": tmp_path, "s3_endpoint": f"http://127.0.0.1:{port}"})
    reader = {"s3_endpoint": its.s3_endpoint, "s3_reader_access_key": "reader", "s3_reader_secret_key": "xyzzy"}
    with running(s3.part(its, port), tmp_path):
        assert await watching(tmp_path, [], s3_endpoint=its.s3_endpoint).trouble("s3") == ""
        trouble = await watching(tmp_path, [], **reader).trouble("s3")
    assert trouble.endswith("it knows no access key 'reader': correct MILLRACE_S3_ACCESS_KEY")


@pytest.mark.skipif(not is_minio_here(), reason=WHY_NOT_MINIO)
async def test_a_trainer_that_may_only_read_is_told_so_before_its_first_checkpoint(tmp_path: Path) -> None:
    """The chart's own keys, each in its place and then the reader's in the trainer's; nothing is written to find out."""
    with servers(tmp_path, "s3") as made:
        trainer, reader = made.connections("trainer"), made.connections("reader")
        keys = {"s3_access_key": trainer.s3_access_key, "s3_secret_key": trainer.s3_secret_key.get_secret_value()}
        right = {"s3_endpoint": made.s3, **keys, "s3_reader_access_key": reader.s3_access_key}
        right |= {"s3_reader_secret_key": reader.s3_secret_key.get_secret_value()}
        assert await watching(tmp_path, [], **right).trouble("s3") == ""
        keys = {"s3_access_key": reader.s3_access_key, "s3_secret_key": reader.s3_secret_key.get_secret_value()}
        trouble = await watching(tmp_path, [], s3_endpoint=made.s3, **keys).trouble("s3")
        assert f"access key '{reader.s3_access_key}' may not do that" in trouble
        assert await open_store(trainer, "checkpoints").keys("") == []


@pytest.mark.parametrize(
    ("status", "told"),
    [(200, ""), (403, "lets us not in"), (401, "MLFLOW_TRACKING_USERNAME"), (500, "is in trouble: 500")],
)
async def test_an_mlflow_that_refuses_says_why(tmp_path: Path, status: int, told: str) -> None:
    """Its check of the name it is called by, its login, its database: each is another thing to do."""
    with answering(status, "{}") as url:
        trouble = await watching(tmp_path, [], mlflow=url).trouble("mlflow")
    assert told in trouble
    assert bool(trouble) == bool(told)


async def test_trouble_is_told_once_and_its_end_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A blink is not told: while parts start, a machine is slow to hear an answer."""
    answers = ["", "away", "", "away", "away", "away", ""]
    monkeypatch.setattr(given, "LOOK_EVERY", 0.0)
    monkeypatch.setattr(given, "LOOK_AGAIN", 0.0)
    told: list[Happening] = []
    its = watching(tmp_path, told)
    its._names = ["redis"]

    async def trouble(_name: str) -> str:
        if not answers:
            await asyncio.Event().wait()
        return answers.pop(0)

    monkeypatch.setattr(its, "trouble", trouble)
    looking = asyncio.create_task(its.watch())
    async with asyncio.timeout(10):
        while answers or len(told) < 2:
            await asyncio.sleep(0.01)
    looking.cancel()
    assert [(it.what, it.detail) for it in told] == [("not ready", "away"), ("ready", "it answers now")]

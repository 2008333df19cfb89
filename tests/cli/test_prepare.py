"""`millrace prepare`: what a job of the cluster does at each install and upgrade."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from millrace.adapters.bus.kafka import KafkaBus
from millrace.runtime.embedded import s3
from millrace.runtime.settings import Connections
from millrace.usecases import default, find
from tests.adapters.conftest import free_port, running
from tests.cli.calling import millrace
from tests.kafka import real_kafka

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "parcel_delay.py"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an S3 server."""
    home, port = tmp_path_factory.mktemp("s3"), free_port()
    connections = Connections.model_validate({"home": home, "s3_endpoint": f"http://127.0.0.1:{port}"})
    with running(s3.part(connections, port), home):
        yield connections.s3_endpoint


@pytest.mark.kafka
def test_topics_and_buckets_are_made_once_and_stay(tmp_path: Path, store: str) -> None:
    """The first run makes them; the second finds them and changes nothing, a topic of more partitions among them."""
    with real_kafka(tmp_path) as broker:
        bus = KafkaBus(broker.address)
        asyncio.run(_make(bus, f"{default()}.events", 3))
        words = ("prepare", "default", str(EXAMPLE), "--bucket", "checkpoints", "--bucket", "raw-data")
        first = millrace(*words, home=tmp_path, KAFKA=broker.address, S3_ENDPOINT=store)
        again = millrace(*words, home=tmp_path, KAFKA=broker.address, S3_ENDPOINT=store)
    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    assert "bucket checkpoints: made" in first.stdout
    assert "bucket checkpoints: there" in again.stdout
    assert first.stdout.replace("made", "there") == again.stdout
    assert f"topic {default()}.events: 3 partitions" in again.stdout
    assert "topic parcel-delay.journal: 1 partition\n" in again.stdout


async def _make(bus: KafkaBus, topic: str, partitions: int) -> None:
    await bus.ensure_topics({topic: partitions})
    await bus.close()


def test_it_waits_for_what_does_not_answer_yet(tmp_path: Path) -> None:
    """Jobs start with the services they wait for; it says what it waits for, once."""
    home, port = tmp_path / "s3", free_port()
    home.mkdir()
    connections = Connections.model_validate({"home": home, "s3_endpoint": f"http://127.0.0.1:{port}"})
    told = {"KAFKA": f"127.0.0.1:{free_port()}", "S3_ENDPOINT": connections.s3_endpoint}
    ended = threading.Event()

    def later() -> None:
        threading.Event().wait(3)
        with running(s3.part(connections, port), home):
            ended.wait(60)

    helper = threading.Thread(target=later)
    helper.start()
    done = millrace("prepare", "default", "--bucket", "late", "--wait", "12", home=tmp_path, **told)
    ended.set()
    helper.join()
    assert "bucket late: made" in done.stdout
    assert done.stdout.count("waiting: the object store") == 1
    assert done.returncode == 1, "there never was a log"
    assert "127.0.0.1" in done.stderr


def test_default_stands_for_the_use_case_that_is_taken_where_none_is_named() -> None:
    """A chart must name one and may not know its name."""
    assert find("default") is find(default())

"""What every object store keeps to: the twin in memory and real S3 servers."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from pydantic import SecretStr

from millrace.adapters.checkpoints.port import ObjectStore
from millrace.adapters.checkpoints.s3 import S3Objects, open_store
from millrace.domain.errors import Unreachable
from millrace.runtime.embedded import s3
from millrace.runtime.settings import Connections
from tests.adapters.conftest import free_port, silence, start
from tests.chart.servers import WHY_NOT_MINIO, is_minio_here, servers


async def test_what_was_put_is_got(store: ObjectStore) -> None:
    """An object comes back as it was; putting it again replaces it."""
    await store.put("a/b.checkpoint", b"one")
    await store.put("a/b.checkpoint", b"two")
    assert await store.get("a/b.checkpoint") == b"two"


async def test_a_large_object_comes_back_whole(store: ObjectStore) -> None:
    """An object sent in parts is one object."""
    data = bytes(range(256)) * 80_000  # 20 MB
    await store.put("large", data)
    assert await store.get("large") == data


async def test_nothing_is_none(store: ObjectStore) -> None:
    """What is not there, even in a bucket that is not there, is None, an empty list, or nothing to delete."""
    assert await store.get("nothing") is None
    assert await store.read_pointer("nothing") is None
    assert await store.keys("nothing") == []
    await store.delete("nothing")


async def test_keys_are_those_of_a_folder(store: ObjectStore) -> None:
    """A prefix is a folder: its neighbour with a longer name is not in it."""
    for key in ("uc/0/1/b", "uc/0/1/a", "uc/0/10/c", "uc/01/d"):
        await store.put(key, b"")
    assert await store.keys("uc/0/1") == ["uc/0/1/a", "uc/0/1/b"]
    assert await store.keys("uc/0") == ["uc/0/1/a", "uc/0/1/b", "uc/0/10/c"]
    assert await store.keys("uc/0/") == await store.keys("uc/0")


async def test_a_deleted_object_is_gone(store: ObjectStore) -> None:
    """Deleting takes an object away, once."""
    await store.put("gone", b"1")
    await store.delete("gone")
    await store.delete("gone")
    assert await store.get("gone") is None


async def test_the_key_of_a_state_between_two_entries_is_kept_as_it_is(store: ObjectStore) -> None:
    """A state id may hold `~`; other tools must find its folder under that very name."""
    await store.put("uc/uc.0.1.7~3/MLmodel", b"{}")
    assert await store.keys("uc") == ["uc/uc.0.1.7~3/MLmodel"]
    assert store.url("uc/x").startswith("s3://test-")


async def test_a_pointer_moves_only_from_what_was_expected(store: ObjectStore) -> None:
    """A pointer is written if it is absent, then only from the ETag it has."""
    assert await store.move_pointer("latest", b"1", expected=None)
    assert not await store.move_pointer("latest", b"2", expected=None)
    first = await store.read_pointer("latest")
    assert first is not None
    assert await store.move_pointer("latest", b"2", expected=first.etag)
    assert not await store.move_pointer("latest", b"3", expected=first.etag)
    second = await store.read_pointer("latest")
    assert second is not None
    assert second.value == b"2"


async def test_a_pointer_that_is_not_there_cannot_be_moved(store: ObjectStore) -> None:
    """An ETag expected of a pointer that is gone moves nothing."""
    await store.put("other", b"")
    assert not await store.move_pointer("latest", b"2", expected='"d41d8cd98f00b204e9800998ecf8427e"')
    assert await store.get("latest") is None


async def test_of_fifty_who_race_one_wins(store: ObjectStore) -> None:
    """However many move a pointer at once from the same place, exactly one does, and its value is kept."""
    await store.put("other", b"")  # the bucket itself is not raced for
    expected: str | None = None
    for lap in range(2):
        values = [f"{lap}-{runner}".encode() for runner in range(50)]
        won = await asyncio.gather(*(store.move_pointer("latest", value, expected=expected) for value in values))
        now = await store.read_pointer("latest")
        assert sum(won) == 1
        assert now is not None
        assert now.value == values[won.index(True)]
        expected = now.etag


async def test_a_store_that_hangs_is_unreachable_in_time(tmp_path: Path) -> None:
    """A store that takes a connection and never answers raises within the time-out, whatever it was asked."""
    async with silence() as port:
        store = S3Objects(
            Connections.model_validate({"home": tmp_path, "s3_endpoint": f"http://127.0.0.1:{port}"}),
            "bucket",
            timeout=0.5,
        )
        for call in (
            store.put("k", b"v"),
            store.get("k"),
            store.keys("k"),
            store.move_pointer("k", b"v", expected=None),
        ):
            began = time.monotonic()
            with pytest.raises(Unreachable, match="no answer in time"):
                await call
            assert time.monotonic() - began < 2.5


async def test_a_store_that_is_away_is_unreachable_at_once(tmp_path: Path) -> None:
    """Nothing listening is told from the address, in a second."""
    store = open_store(
        Connections.model_validate({"home": tmp_path, "s3_endpoint": f"http://127.0.0.1:{free_port()}"}), "bucket"
    )
    with pytest.raises(
        Unreachable, match=r"object store at http\S+ did not write k .*: no connection: Connection refused$"
    ):
        await store.put("k", b"v")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"s3_access_key": "nobody"}, "it knows no access key 'nobody': correct MILLRACE_S3_ACCESS_KEY"),
        ({"s3_secret_key": SecretStr("xyzzy")}, "correct MILLRACE_S3_SECRET_KEY"),
    ],
)
async def test_a_wrong_key_is_refused(real_store: Connections, wrong: dict[str, object], told: str) -> None:
    """A real store lets nobody in without key and secret, and the error says which is wrong without telling a secret."""
    refused_to = open_store(real_store.model_copy(update=wrong), "bucket")
    for call in (refused_to.put("k", b"v"), refused_to.get("k"), refused_to.keys("k")):
        with pytest.raises(Unreachable, match="object store") as refused:
            await call
        assert str(refused.value).endswith(told)
        assert real_store.s3_secret_key.get_secret_value() not in str(refused.value)
        assert "xyzzy" not in str(refused.value)


@pytest.mark.skipif(not is_minio_here(), reason=WHY_NOT_MINIO)
async def test_what_a_key_may_not_do_is_told(tmp_path: Path) -> None:
    """A reader that writes, a bucket that is not there for this key, a region that is another: each is named."""
    with servers(tmp_path, "s3") as made:
        reader, trainer = made.connections("reader"), made.connections("trainer")
        with pytest.raises(Unreachable, match=f"access key '{reader.s3_access_key}' may not do that"):
            await open_store(reader, "checkpoints").put("k", b"v")
        with pytest.raises(Unreachable, match="make the bucket if it is missing"):
            await open_store(trainer, "not-there").keys("k")
        elsewhere = trainer.model_copy(update={"s3_region": "eu-west-1"})
        with pytest.raises(Unreachable, match="Correct MILLRACE_S3_REGION"):
            await open_store(elsewhere, "checkpoints").get("k")


async def outlives(store: ObjectStore, lap: int) -> None:
    """Find what earlier laps have put, and put some more."""
    for before in range(lap):
        assert await store.get(f"uc/{before}") == bytes([before]) * 300_000
    await store.put(f"uc/{lap}", bytes([lap]) * 300_000)
    pointer = await store.read_pointer("latest")
    assert await store.move_pointer("latest", str(lap).encode(), expected=pointer.etag if pointer else None)


async def test_what_was_put_outlives_a_kill(tmp_path: Path) -> None:
    """SIGKILL of the embedded store loses nothing that was put; it comes back on its port and takes the next."""
    port = free_port()
    connections = Connections.model_validate({"home": tmp_path, "s3_endpoint": f"http://127.0.0.1:{port}"})
    store = open_store(connections, "checkpoints")
    for lap in range(4):
        process = start(s3.part(connections, port), tmp_path / "s3.log")
        try:
            await outlives(store, lap)
        finally:
            process.kill()
            process.wait()


@pytest.mark.skipif(not is_minio_here(), reason=WHY_NOT_MINIO)
async def test_what_was_put_outlives_a_kill_of_minio(tmp_path: Path) -> None:
    """The same of MinIO, written by the chart's trainer."""
    with servers(tmp_path, "s3") as made:
        store = open_store(made.connections("trainer"), "checkpoints")
        for lap in range(4):
            await outlives(store, lap)
            made.kill("s3")
            made.start("s3")

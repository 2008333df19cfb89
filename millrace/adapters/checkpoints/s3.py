"""Objects in S3 or anything that speaks it: MinIO, SeaweedFS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import S3Store

from millrace.adapters.checkpoints.port import ObjectStore, Pointer
from millrace.adapters.checkpoints.reasons import reason
from millrace.domain.errors import Unreachable
from millrace.runtime.settings import Connections

TIMEOUT = 5.0
"""Seconds a call may take, besides the time its bytes need."""
TURNS = 3
"""How many time-outs a conditional write may take: SeaweedFS lets those who race wait for each other by the second."""
SLOWEST = 1024 * 1024
"""Bytes a second below which a store counts as hanging."""
PART = 8 * 1024 * 1024
"""Larger objects go up in parts of this size; they appear whole or not at all all the same."""


def open_store(connections: Connections, bucket: str, *, timeout: float = TIMEOUT) -> ObjectStore:
    """Return a bucket of the store that the settings name.

    Connects at the first call, and makes a missing bucket at the first write.
    """
    return S3Objects(connections, bucket, timeout=timeout)


class S3Objects:
    """One bucket."""

    def __init__(self, connections: Connections, bucket: str, *, timeout: float = TIMEOUT) -> None:
        self._bucket = bucket
        self._endpoint = connections.s3_endpoint
        self._region = connections.s3_region
        self._key = connections.s3_access_key
        self._timeout = timeout
        self._store = self._connect(connections, retries=2)
        # A conditional write sent again after its answer was lost would be told that somebody else was first.
        self._once = self._connect(connections, retries=0)

    def _connect(self, to: Connections, *, retries: int) -> S3Store:
        limit = timedelta(seconds=self._timeout)
        return S3Store(
            self._bucket,
            endpoint=to.s3_endpoint,
            region=to.s3_region,
            access_key_id=to.s3_access_key,
            secret_access_key=to.s3_secret_key.get_secret_value(),
            virtual_hosted_style_request=False,
            client_options={
                "allow_http": to.s3_endpoint.startswith("http://"),
                "connect_timeout": timedelta(seconds=min(2.0, self._timeout)),
                "timeout": timedelta(hours=1),  # each call is bounded as a whole, by its size
            },
            retry_config={"max_retries": retries, "retry_timeout": limit},
        )

    async def put(self, key: str, data: bytes) -> None:
        """Keep an object, whole or not at all; an object already there is replaced."""

        async def write() -> None:
            await obstore.put_async(self._store, key, data, chunk_size=PART)

        async with self._reached(f"write {key}", size=len(data)):
            try:
                await write()
            except FileNotFoundError:
                await self._make_bucket()
                await write()

    async def get(self, key: str) -> bytes | None:
        """Return an object, or `None` when there is none."""
        async with self._reached(f"read {key}"):
            try:
                found = await obstore.get_async(self._store, key)
            except FileNotFoundError:
                return None
        async with self._reached(f"read {key}", size=found.meta["size"]):
            return bytes(await found.bytes_async())

    async def keys(self, prefix: str) -> list[str]:
        """Return the keys under a prefix, taken as a folder, sorted."""
        async with self._reached(f"list {prefix}"):
            try:
                pages = [page async for page in obstore.list(self._store, prefix)]
            except BaseError as error:
                if "<Code>NoSuchBucket</Code>" not in str(error):  # a list knows no FileNotFoundError
                    raise
                return []
        return sorted(entry["path"] for page in pages for entry in page)

    async def delete(self, key: str) -> None:
        """Remove an object; nothing happens when there is none."""
        async with self._reached(f"delete {key}"):
            try:
                await obstore.delete_async(self._store, key)
            except FileNotFoundError:
                return

    async def read_pointer(self, key: str) -> Pointer | None:
        """Return a pointer object, or `None`."""
        async with self._reached(f"read {key}"):
            try:
                found = await obstore.get_async(self._store, key)
                return Pointer(bytes(await found.bytes_async()), found.meta["e_tag"] or "")
            except FileNotFoundError:
                return None

    async def move_pointer(self, key: str, value: bytes, *, expected: str | None) -> bool:
        """Write a pointer object if its ETag is `expected` (`None`: if there is none); tell whether it was.

        Raises `Unreachable` also when the answer was lost: read the pointer again to know.
        """
        async with self._reached(f"move {key}", turns=TURNS):
            try:
                return await self._swap(key, value, expected)
            except FileNotFoundError:
                if expected is not None:
                    return False
                await self._make_bucket()
                return await self._swap(key, value, expected)

    async def _swap(self, key: str, value: bytes, expected: str | None) -> bool:
        try:
            if expected is None:
                await obstore.put_async(self._once, key, value, mode="create", use_multipart=False)
            else:
                await obstore.put_async(self._once, key, value, mode={"e_tag": expected}, use_multipart=False)
        except (AlreadyExistsError, PreconditionError):
            return False
        return True

    def url(self, key: str) -> str:
        """Return an object's address as other tools name it, `s3://bucket/key`."""
        return f"s3://{self._bucket}/{key}"

    async def close(self) -> None:
        """Let go; the client underneath keeps no connection that has to be closed."""

    async def ensure_bucket(self) -> bool:
        """Make the bucket where it is missing; tell whether it was. A key that may only use buckets finds them there."""
        async with self._reached("look"):
            url = await obstore.sign_async(self._store, "HEAD", "", timedelta(minutes=5))
            async with httpx.AsyncClient(timeout=self._timeout) as client:
                missing = (await client.head(url)).status_code == httpx.codes.NOT_FOUND
            if missing:
                await self._make_bucket()
        return missing

    async def _make_bucket(self) -> None:
        """Make the bucket, by a signed PUT: obstore itself has no call for it."""
        url = await obstore.sign_async(self._store, "PUT", "", timedelta(minutes=5))
        where = f"<LocationConstraint>{self._region}</LocationConstraint>"
        body = f"<CreateBucketConfiguration>{where}</CreateBucketConfiguration>"
        async with httpx.AsyncClient(timeout=self._timeout) as client:
            # S3 itself refuses to be told its default region.
            answer = await client.put(url, content="" if self._region == "us-east-1" else body)
        if answer.status_code not in (200, 204, 409):  # 409: it is there by now
            raise Unreachable(
                f"the object store at {self._endpoint} refused to make bucket {self._bucket!r}: "
                f"{answer.status_code} {answer.text[:200]}; make it by hand, or allow this access key to"
            )

    @asynccontextmanager
    async def _reached(self, what: str, *, size: int = 0, turns: int = 1) -> AsyncIterator[None]:
        """Turn whatever a client may raise, or never answering, into `Unreachable`."""
        try:
            async with asyncio.timeout(turns * self._timeout + size / SLOWEST):
                yield
        except TimeoutError as error:
            raise self._unreachable(what, "no answer in time") from error
        except (BaseError, httpx.HTTPError, OSError) as error:
            raise self._unreachable(what, reason(error, self._key)) from error

    def _unreachable(self, what: str, why: str) -> Unreachable:
        return Unreachable(f"the object store at {self._endpoint} did not {what} in bucket {self._bucket!r}: {why}")

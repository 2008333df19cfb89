"""Versions in MLflow's registry, their artifacts in the object store.

MLflow's own way to upload an artifact costs ten times as much and needs the server between: the folder is written to
the object store first, then MLflow is told where it lies.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from importlib.metadata import version as version_of
from pathlib import Path
from typing import TypeVar

from millrace.adapters.checkpoints.port import ObjectStore
from millrace.adapters.checkpoints.s3 import open_store
from millrace.adapters.registry.artifact import SEALED, artifact
from millrace.adapters.registry.port import ModelVersion, Registration
from millrace.adapters.registry.tracking import Tracking, connect
from millrace.domain.errors import MillraceError, NotReady, Unreachable
from millrace.runtime.settings import Connections

T = TypeVar("T")

TIMEOUT = 5.0
"""Seconds one request to MLflow may take."""
REQUESTS = 6
"""How many requests the longest call may need, each as slow as may be; beyond that it is given up."""


def open_registry(connections: Connections) -> MlflowRegistry:
    """Return the registry that the settings name. Connects at the first call."""
    store = open_store(connections, connections.artifacts_bucket)
    return MlflowRegistry(connections.mlflow, store, public_keys=connections.trusted_keys())


class _MissingError(MillraceError):
    """MLflow has no such model, version or alias."""


class MlflowRegistry:
    """An MLflow server, and the bucket its artifacts lie in."""

    def __init__(
        self, mlflow_url: str, artifacts: ObjectStore, *, public_keys: Sequence[Path] = (), timeout: float = TIMEOUT
    ) -> None:
        self._url = mlflow_url
        self._artifacts = artifacts
        self._public_keys = public_keys
        self._timeout = timeout
        # MLflow's client blocks. A server that hangs holds up the calls behind it, and nothing else.
        self._threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="mlflow")
        self._tracking: asyncio.Future[Tracking] | None = None

    async def register(self, what: Registration) -> ModelVersion:
        """Write the artifact, then the version with the state id as a tag, log the metrics, move alias `champion`."""
        folder = f"{what.use_case}/{what.state_id}"
        keys = [path.read_bytes() for path in self._public_keys if path.exists()]
        for path, data in artifact(what, keys, mlflow_version=version_of("mlflow-skinny")).items():
            await self._artifacts.put(f"{folder}/{path}", data)
        return await self._call(lambda mlflow: _register(mlflow, what, self._artifacts.url(folder)))

    async def versions(self, use_case: str) -> list[ModelVersion]:
        """Return a use case's versions, newest first; empty when there are none."""
        return await self._call(lambda mlflow: mlflow.versions(use_case))

    async def resolve(self, use_case: str, which: str) -> ModelVersion | None:
        """Return the version an alias (`champion`) or a number (`12`) names, or `None`."""
        by_number = which.isdecimal()
        try:
            return await self._call(
                lambda mlflow: (mlflow.by_number if by_number else mlflow.by_alias)(use_case, which)
            )
        except _MissingError:
            return None

    async def sealed(self, version: ModelVersion) -> bytes:
        """Return the signed serving state of a version; raise `NotReady` when it is gone."""
        found = await self._artifacts.get(f"{self._folder(version)}/{SEALED}")
        if found is None:
            raise NotReady(
                f"the artifact of version {version.version} of {version.use_case} is gone from {version.source}; "
                "delete the version, or point its alias at another"
            )
        return found

    async def set_alias(self, use_case: str, alias: str, version: int) -> None:
        """Point an alias at a version; raise `NotReady` when there is no such version."""
        try:
            await self._call(lambda mlflow: mlflow.set_alias(use_case, alias, version))
        except _MissingError as error:
            raise NotReady(f"{use_case} has no version {version} that alias {alias!r} could name") from error

    async def retain(self, use_case: str, newest: int) -> list[int]:
        """Delete all versions but the newest N and those an alias names or a tag `promoted` marks; return deleted.

        A version goes before its artifact: one that cannot be loaded is never offered.
        """
        versions = await self.versions(use_case)
        doomed = [it for it in versions[newest:] if not it.aliases and "promoted" not in it.tags]
        spared = {it.source for it in versions if it not in doomed}
        for version in doomed:
            await self._delete(version, with_artifact=self._is_ours(version) and version.source not in spared)
        return [version.version for version in doomed]

    async def close(self) -> None:
        """Let go; a call that still hangs ends by its own time-out."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        await self._artifacts.close()

    async def _delete(self, version: ModelVersion, *, with_artifact: bool) -> None:
        with suppress(_MissingError):  # somebody was faster
            await self._call(lambda mlflow: mlflow.delete(version.use_case, version.version))
        if with_artifact:
            for key in await self._artifacts.keys(self._folder(version)):
                await self._artifacts.delete(key)

    def _is_ours(self, version: ModelVersion) -> bool:
        return version.source.startswith(self._artifacts.url(""))

    def _folder(self, version: ModelVersion) -> str:
        root = self._artifacts.url("")
        if not self._is_ours(version):
            raise NotReady(f"version {version.version} of {version.use_case} lies at {version.source}, not in {root}")
        return version.source.removeprefix(root).rstrip("/")

    async def _call(self, work: Callable[[Tracking], T]) -> T:
        """Do a blocking call in a thread; turn what MLflow raises, or never answering, into errors of ours."""
        try:
            async with asyncio.timeout(REQUESTS * self._timeout):
                tracking = await self._connected()
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._threads, partial(_translated, self._url, work, tracking))
        except TimeoutError as error:
            raise Unreachable(f"MLflow at {self._url} gave no answer in time") from error

    async def _connected(self) -> Tracking:
        if self._tracking is None:
            loop = asyncio.get_running_loop()
            self._tracking = loop.run_in_executor(self._threads, lambda: Tracking(connect(self._url, self._timeout)))
        return await asyncio.shield(self._tracking)


def _register(mlflow: Tracking, what: Registration, source: str) -> ModelVersion:
    try:
        return mlflow.register(what, source)
    except _mlflow_error():
        mlflow.forget_runs(what.use_case)  # a run that somebody deleted takes no metrics
        raise


def _translated(url: str, work: Callable[[Tracking], T], tracking: Tracking) -> T:
    try:
        return work(tracking)
    except _mlflow_error() as error:
        code = getattr(error, "error_code", "")
        if code == "RESOURCE_DOES_NOT_EXIST" or ("alias" in str(error) and "not found" in str(error)):
            raise _MissingError(str(error)) from error
        if isinstance(error.__context__, OSError):  # as every exception of `requests` is: nobody was there
            raise Unreachable(f"MLflow at {url} does not answer") from error
        raise Unreachable(f"MLflow at {url} did not do it ({code}): {str(error)[:300]}") from error


def _mlflow_error() -> type[Exception]:
    """Return the class of all that MLflow's client raises, imported no sooner than the client."""
    from mlflow.exceptions import MlflowException

    error: type[Exception] = MlflowException
    return error

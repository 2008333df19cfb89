"""The registry of model versions: one experiment a use case, one run a candidate, versions with aliases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """A state to be registered. `sealed` is the signed serving state; `metrics` are by candidate, then by name."""

    use_case: str
    question: str
    state_id: str
    champion: str
    trained_until: str
    checkpoint_key: str
    events: int
    sealed: bytes
    metrics: Mapping[str, Mapping[str, float]]
    tags: Mapping[str, str] = {}
    params: Mapping[str, Mapping[str, str]] = {}


class ModelVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A registered version."""

    use_case: str
    version: int
    state_id: str
    champion: str
    trained_until: str
    source: str
    created_at: str
    aliases: tuple[str, ...] = ()
    tags: Mapping[str, str] = {}
    metrics: Mapping[str, float] = {}


class Registry(Protocol):
    """Every call raises `Unreachable` when the registry or its object store does not answer in time."""

    async def register(self, what: Registration) -> ModelVersion:
        """Write the artifact, then the version with the state id as a tag, log the metrics, move alias `champion`."""

    async def versions(self, use_case: str) -> list[ModelVersion]:
        """Return a use case's versions, newest first; empty when there are none."""

    async def resolve(self, use_case: str, which: str) -> ModelVersion | None:
        """Return the version an alias (`champion`) or a number (`12`) names, or `None`."""

    async def sealed(self, version: ModelVersion) -> bytes:
        """Return the signed serving state of a version, from the object store."""

    async def set_alias(self, use_case: str, alias: str, version: int) -> None:
        """Point an alias at a version."""

    async def retain(self, use_case: str, newest: int) -> list[int]:
        """Delete all versions but the newest N and those an alias names or a tag `promoted` marks; return deleted."""

    async def close(self) -> None:
        """Let go of every connection."""

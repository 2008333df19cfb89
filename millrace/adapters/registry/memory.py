"""The twin of the registry, in memory."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from millrace.adapters.registry.port import ModelVersion, Registration
from millrace.domain.errors import NotReady

CHAMPION = "champion"


class MemoryRegistry:
    """Versions, aliases and metrics as long as the process lasts."""

    def __init__(self) -> None:
        self._versions: dict[str, dict[int, ModelVersion]] = {}
        self._aliases: dict[str, dict[str, int]] = {}
        self._sealed: dict[str, bytes] = {}
        self._numbers: dict[str, int] = {}
        self.metrics: dict[str, dict[str, list[tuple[int, Mapping[str, float]]]]] = {}
        """What was logged: by use case, then candidate; the number of events and the metrics then."""

    async def register(self, what: Registration) -> ModelVersion:
        """Keep a version, log the metrics, move alias `champion`. A state registered before keeps its version."""
        kept = self._versions.setdefault(what.use_case, {})
        number = next((it.version for it in kept.values() if it.state_id == what.state_id), None)
        if number is None:
            number = self._numbers[what.use_case] = self._numbers.get(what.use_case, 0) + 1
            kept[number] = self._version(what, number)
            self._sealed[kept[number].source] = what.sealed
        by_candidate = self.metrics.setdefault(what.use_case, {})
        for name, metrics in what.metrics.items():
            by_candidate.setdefault(name, []).append((what.events, dict(metrics)))
        await self.set_alias(what.use_case, CHAMPION, number)
        return self._with_aliases(kept[number])

    def _version(self, what: Registration, number: int) -> ModelVersion:
        return ModelVersion(
            use_case=what.use_case,
            version=number,
            state_id=what.state_id,
            champion=what.champion,
            trained_until=what.trained_until,
            source=f"memory://{what.use_case}/{what.state_id}",
            created_at=datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            tags={**what.tags, "checkpoint": what.checkpoint_key},
            metrics=dict(what.metrics.get(what.champion, {})),
        )

    async def versions(self, use_case: str) -> list[ModelVersion]:
        """Return a use case's versions, newest first; empty when there are none."""
        kept = self._versions.get(use_case, {})
        return [self._with_aliases(kept[number]) for number in sorted(kept, reverse=True)]

    async def resolve(self, use_case: str, which: str) -> ModelVersion | None:
        """Return the version an alias or a number names, or `None`."""
        number = int(which) if which.isdecimal() else self._aliases.get(use_case, {}).get(which, 0)
        found = self._versions.get(use_case, {}).get(number)
        return None if found is None else self._with_aliases(found)

    async def sealed(self, version: ModelVersion) -> bytes:
        """Return the signed serving state of a version; raise `NotReady` when it is gone."""
        found = self._sealed.get(version.source)
        if found is None:
            raise NotReady(f"the artifact of version {version.version} of {version.use_case} is gone")
        return found

    async def set_alias(self, use_case: str, alias: str, version: int) -> None:
        """Point an alias at a version; raise `NotReady` when there is no such version."""
        if version not in self._versions.get(use_case, {}):
            raise NotReady(f"{use_case} has no version {version} that alias {alias!r} could name")
        self._aliases.setdefault(use_case, {})[alias] = version

    async def retain(self, use_case: str, newest: int) -> list[int]:
        """Delete all versions but the newest N and those an alias names or a tag `promoted` marks."""
        doomed = [it for it in (await self.versions(use_case))[newest:] if not it.aliases and "promoted" not in it.tags]
        for version in doomed:
            del self._versions[use_case][version.version]
            self._sealed.pop(version.source, None)
        return [version.version for version in doomed]

    async def close(self) -> None:
        """Let go; what was kept stays, as it would in a real registry."""

    def _with_aliases(self, version: ModelVersion) -> ModelVersion:
        names = self._aliases.get(version.use_case, {}).items()
        return msgspec.structs.replace(version, aliases=tuple(sorted(a for a, n in names if n == version.version)))

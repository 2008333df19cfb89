"""What Millrace asks of an MLflow server, as blocking calls: one run a candidate, one version a registered state."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, NamedTuple

import msgspec

from millrace.adapters.registry.port import ModelVersion, Registration

CHAMPION = "champion"
_BATCH = 100
"""Parameters MLflow takes at once."""
_OURS = ("state_id", "champion", "trained_until", "metrics")
"""Tags of a version that are fields of `ModelVersion`."""

Client = Any
"""`MlflowClient`; it has no types of its own."""


def connect(url: str, timeout: float) -> Client:
    """Return MLflow's client of a server. Takes some seconds the first time: it imports MLflow.

    MLflow is told by its environment how long to wait, and not to report its use. An operator's own setting holds.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(math.ceil(timeout)))
    # A call sent again after its answer was lost would make a second version.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    return import_module("mlflow").MlflowClient(tracking_uri=url, registry_uri=url)


class Run(NamedTuple):
    """The run of a candidate or baseline, and the parameters it has been told."""

    id: str
    params: set[str]


class Tracking:
    """Runs and versions on one MLflow server. Raises MLflow's own errors."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._runs: dict[str, dict[str, Run]] = {}

    def register(self, what: Registration, source: str) -> ModelVersion:
        """Register an artifact that lies at `source`, log the metrics, move alias `champion`.

        A state registered before keeps its version, so that a registration cut off can be made again.
        """
        runs = self._runs_of(what)
        champion = runs.get(what.champion)
        version = self._version_of(what) or self._create_version(what, source, champion.id if champion else None)
        for candidate, metrics in what.metrics.items():
            self._log_params(runs[candidate], what.params.get(candidate, {}))
            self._log(runs[candidate], metrics, what.events)
        self._client.set_registered_model_alias(what.use_case, CHAMPION, version)
        return read_version(self._client.get_model_version(what.use_case, version))

    def forget_runs(self, use_case: str) -> None:
        """Look the runs up anew next time: somebody deleted one."""
        self._runs.pop(use_case, None)

    def versions(self, use_case: str) -> list[ModelVersion]:
        """Return a use case's versions, newest first."""
        found: list[ModelVersion] = []
        page: str | None = None
        while page != "":
            answer = self._client.search_model_versions(f"name='{use_case}'", max_results=1000, page_token=page)
            found += [read_version(version) for version in answer]
            page = answer.token or ""
        aliases = self._aliases(use_case) if found else {}
        named = [msgspec.structs.replace(it, aliases=aliases.get(it.version, ())) for it in found]
        return sorted(named, key=lambda it: it.version, reverse=True)

    def _aliases(self, use_case: str) -> dict[int, tuple[str, ...]]:
        """Return the aliases of each version that has some: a search of versions leaves them out."""
        by_version: dict[int, tuple[str, ...]] = {}
        for alias, version in sorted(self._client.get_registered_model(use_case).aliases.items()):
            by_version[int(version)] = (*by_version.get(int(version), ()), alias)
        return by_version

    def by_alias(self, use_case: str, alias: str) -> ModelVersion:
        """Return the version an alias names."""
        return read_version(self._client.get_model_version_by_alias(use_case, alias))

    def by_number(self, use_case: str, number: str) -> ModelVersion:
        """Return a version by its number."""
        return read_version(self._client.get_model_version(use_case, number))

    def set_alias(self, use_case: str, alias: str, version: int) -> None:
        """Point an alias at a version."""
        self._client.set_registered_model_alias(use_case, alias, str(version))

    def delete(self, use_case: str, version: int) -> None:
        """Delete a version."""
        self._client.delete_model_version(use_case, str(version))

    def _version_of(self, what: Registration) -> str | None:
        named = f"name='{what.use_case}' and tags.state_id='{what.state_id}'"
        found = self._client.search_model_versions(named, max_results=1)
        return str(found[0].version) if found else None

    def _create_version(self, what: Registration, source: str, run: str | None) -> str:
        tags = {
            **what.tags,
            "state_id": what.state_id,
            "champion": what.champion,
            "trained_until": what.trained_until,
            "checkpoint": what.checkpoint_key,
            "metrics": json.dumps(_finite(what.metrics.get(what.champion, {}))),
        }
        if not self._client.search_registered_models(f"name='{what.use_case}'", max_results=1):
            self._client.create_registered_model(what.use_case, description=what.question)
        made = self._client.create_model_version(
            what.use_case, source, run_id=run, tags=tags, description=what.state_id, await_creation_for=0
        )
        return str(made.version)

    def _runs_of(self, what: Registration) -> Mapping[str, Run]:
        """Return the run of each candidate and baseline by name; make those that are missing."""
        if what.use_case not in self._runs:
            self._runs[what.use_case] = self._find_runs(what.use_case)
        runs = self._runs[what.use_case]
        for candidate in what.metrics:
            if candidate not in runs:
                runs[candidate] = self._create_run(what, candidate)
        return runs

    def _find_runs(self, use_case: str) -> dict[str, Run]:
        experiment = self._client.get_experiment_by_name(use_case)
        if experiment is None:
            return {}
        found = self._client.search_runs([experiment.experiment_id], max_results=1000, order_by=["start_time DESC"])
        ours = [run for run in found if "candidate" in run.data.tags]
        return {run.data.tags["candidate"]: Run(run.info.run_id, set(run.data.params)) for run in ours}

    def _create_run(self, what: Registration, candidate: str) -> Run:
        tags = {"candidate": candidate, "use_case": what.use_case}
        made = self._client.create_run(self._experiment(what), tags=tags, run_name=candidate)
        return Run(str(made.info.run_id), set())

    def _log_params(self, run: Run, params: Mapping[str, str]) -> None:
        """Tell a run what it has not been told; MLflow lets nobody change what it has."""
        new = [name for name in params if name not in run.params]
        for start in range(0, len(new), _BATCH):
            batch = [_entity("Param")(name, params[name]) for name in new[start : start + _BATCH]]
            self._client.log_batch(run.id, params=batch)
        run.params.update(new)

    def _experiment(self, what: Registration) -> str:
        there = self._client.get_experiment_by_name(what.use_case)
        if there is None:
            tags = {"mlflow.note.content": what.question}
            return str(self._client.create_experiment(what.use_case, tags=tags))
        if there.lifecycle_stage == "deleted":
            self._client.restore_experiment(there.experiment_id)
        return str(there.experiment_id)

    def _log(self, run: Run, metrics: Mapping[str, float], events: int) -> None:
        now = int(time.time() * 1000)
        entity = _entity("Metric")
        self._client.log_batch(run.id, metrics=[entity(name, it, now, events) for name, it in _finite(metrics).items()])


def read_version(found: Any) -> ModelVersion:
    """Return MLflow's version in Millrace's words."""
    return ModelVersion(
        use_case=found.name,
        version=int(found.version),
        state_id=found.tags.get("state_id", ""),
        champion=found.tags.get("champion", ""),
        trained_until=found.tags.get("trained_until", ""),
        source=found.source,
        created_at=_rfc3339(found.creation_timestamp),
        aliases=tuple(sorted(found.aliases or ())),
        tags={name: value for name, value in found.tags.items() if name not in _OURS},
        metrics=json.loads(found.tags.get("metrics", "{}")),
    )


def _entity(name: str) -> Any:
    return getattr(import_module("mlflow.entities"), name)


def _finite(metrics: Mapping[str, float]) -> dict[str, float]:
    """Leave out what is not a number: a score before the first label."""
    return {name: value for name, value in metrics.items() if math.isfinite(value)}


def _rfc3339(millis: int) -> str:
    return datetime.fromtimestamp(millis / 1000, UTC).isoformat().replace("+00:00", "Z")

"""The embedded registry: MLflow's own server on SQLite, in one process."""

from __future__ import annotations

import sys
from importlib.util import find_spec

import httpx

from millrace.domain.errors import SettingsError
from millrace.runtime.embedded.part import Part
from millrace.runtime.settings import Connections


def part(connections: Connections, port: int) -> Part:
    """Return the registry as a part. It starts after the object store, where its artifacts lie."""
    argv, env = command(connections, port)
    address = f"http://127.0.0.1:{port}"
    return Part(name="mlflow", argv=argv, env=env, address=address, ready=lambda: ready(port), order=1)


def command(connections: Connections, port: int) -> tuple[list[str], dict[str, str]]:
    """Return how to start the registry on a port."""
    if find_spec("flask") is None:  # `mlflow-skinny`, the client, has the server's files but not what they need
        raise SettingsError(
            "the embedded registry is not installed: pip install 'millrace[embedded]', or give --mlflow URL"
        )
    argv = [sys.executable, "-m", "millrace.runtime.embedded.mlflow_server", str(port)]
    return argv, {**_store(connections), **_artifacts(connections), **_QUIET}


def ready(port: int) -> bool:
    """Tell whether the registry answers."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", timeout=1.0, trust_env=False).is_success
    except httpx.HTTPError:
        return False


_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # 1.4 GB for language models that nobody here asks
    "_MLFLOW_SGI_NAME": "uvicorn",
    "MALLOC_ARENA_MAX": "2",
}


def _store(connections: Connections) -> dict[str, str]:
    """Return where runs and versions are kept; the names are those `mlflow server` gives to its own child."""
    home = connections.home.absolute() / "mlflow"
    home.mkdir(parents=True, exist_ok=True)
    database = f"sqlite:///{home / 'mlflow.db'}"
    return {"_MLFLOW_SERVER_FILE_STORE": database, "_MLFLOW_SERVER_REGISTRY_STORE": database}


def _artifacts(connections: Connections) -> dict[str, str]:
    """Return where artifacts lie and how the server, showing them, gets in."""
    return {
        "_MLFLOW_SERVER_ARTIFACT_ROOT": f"s3://{connections.artifacts_bucket}",
        "MLFLOW_S3_ENDPOINT_URL": connections.s3_endpoint,
        "AWS_ACCESS_KEY_ID": connections.s3_access_key,
        "AWS_SECRET_ACCESS_KEY": connections.s3_secret_key.get_secret_value(),
        "AWS_DEFAULT_REGION": connections.s3_region,
    }

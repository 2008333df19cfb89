"""The folder of a registered version, as `mlflow.pyfunc.load_model` reads it. See docs/models.md."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.resources import files

from millrace.adapters.registry.carried import carried, module_of, python_version
from millrace.adapters.registry.port import Registration

SEALED = "snapshot.sealed"
_EXACT = ("river", "numpy", "msgspec", "cryptography")
"""What a state's answers, or reading it, depend on to the last bit."""


def artifact(what: Registration, public_keys: Sequence[bytes], *, mlflow_version: str) -> dict[str, bytes]:
    """Return the folder's files by path; `MLmodel` last, so that a folder without it is known to be unfinished."""
    requirements = _requirements(mlflow_version)
    use_case = {"name": what.use_case, "module": module_of(what.use_case)}
    return {
        SEALED: what.sealed,
        "public-keys.pem": b"".join(public_keys),
        "code/millrace_model.py": files(__package__).joinpath("millrace_model.py").read_bytes(),
        "code/millrace.zip": carried(what.use_case),
        "code/use_case.json": _json(use_case),
        "requirements.txt": "".join(f"{line}\n" for line in requirements).encode(),
        "conda.yaml": _json(_conda(requirements)),
        "MLmodel": _json(_mlmodel(what, mlflow_version)),
    }


def _requirements(mlflow_version: str) -> list[str]:
    return [f"mlflow-skinny=={mlflow_version}", "pandas", "boto3", *(f"{name}=={version(name)}" for name in _EXACT)]


def _conda(requirements: Sequence[str]) -> dict[str, object]:
    python = f"python={python_version()}"
    return {
        "name": "millrace-model",
        "channels": ["conda-forge"],
        "dependencies": [python, "pip", {"pip": requirements}],
    }


def _mlmodel(what: Registration, mlflow_version: str) -> dict[str, object]:
    """Return MLflow's description of a model. It declares no input columns: there are two kinds of input."""
    flavor = {
        "loader_module": "millrace_model",
        "data": SEALED,
        "code": "code",
        "python_version": python_version(),
        "env": {"conda": "conda.yaml", "virtualenv": "requirements.txt"},
    }
    params = [{"name": "input", "type": "string", "default": "events", "shape": None}]
    return {
        "flavors": {"python_function": flavor},
        "mlflow_version": mlflow_version,
        "utc_time_created": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f"),
        "signature": {"inputs": None, "outputs": None, "params": json.dumps(params)},
        "metadata": {
            "use_case": what.use_case,
            "question": what.question,
            "state_id": what.state_id,
            "champion": what.champion,
            "trained_until": what.trained_until,
        },
    }


def _json(value: object) -> bytes:
    """Return JSON, which is YAML as well."""
    return json.dumps(value, indent=2).encode()

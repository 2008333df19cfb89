"""A registered version loads where Millrace is not installed, and answers as the platform does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import msgspec
import pytest

from millrace.adapters.archive.recorded import available_at, load
from millrace.adapters.registry.mlflow import MlflowRegistry, open_registry
from millrace.adapters.registry.port import Registration
from millrace.domain.facts import Event
from millrace.domain.state_id import StateId
from millrace.domain.usecase import Fact
from millrace.learning.learner import Learner
from millrace.learning.sealed import Header, seal
from millrace.learning.serving import ServingState
from millrace.learning.states import snapshot_parts, when
from millrace.runtime.settings import Connections
from millrace.runtime.signing import PublicKeys, Signer
from millrace.usecases import default, find, hash_of

pytestmark = pytest.mark.stack

USE_CASE = default()
LEARNT, ASKED = 3_000, 1_000

SESSION = """
import json, sys, warnings
import importlib.util
import pandas as pd
import mlflow

assert importlib.util.find_spec("millrace") is None, "this session is not bare"
with warnings.catch_warnings(record=True) as warned:
    warnings.simplefilter("always")
    model = mlflow.pyfunc.load_model(sys.argv[1])
events = pd.DataFrame([json.loads(line) for line in open(sys.argv[2])])  # read_json rounds numbers
for time in sys.argv[4].split(","):
    events[time] = pd.to_datetime(events[time], format="ISO8601")
answers = model.predict(events)
features = pd.DataFrame([json.loads(line) for line in open(sys.argv[3])])
by_features = model.predict(features, params={"input": "features"})
try:
    model.predict(events.drop(columns=[sys.argv[5]]))
except ValueError as error:
    refused = str(error)
print(json.dumps({
    "columns": list(answers.columns),
    "answers": answers.to_dict("list"),
    "by_features": by_features["value"].tolist(),
    "refused": refused,
    "metadata": model.metadata.metadata,
    "warned": [str(it.message) for it in warned if "MILLRACE_PUBLIC_KEYS" in str(it.message)],
}))
"""


class Met(NamedTuple):
    time: int
    fact: Fact


class Registered(NamedTuple):
    """A registered state, events it never saw, and what it answers to them."""

    state: ServingState
    events: list[Event]
    key: Path
    environment: dict[str, str]


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A virtual environment with what docs/models.md says a bare session needs, and no Millrace."""
    folder = tmp_path_factory.mktemp("bare") / "venv"
    python = str(folder / "bin" / "python")
    pinned = [f"{name}=={version(name)}" for name in ("mlflow-skinny", "river", "numpy", "msgspec", "cryptography")]
    wanted = [*pinned, "pandas", "boto3"]
    if uv := shutil.which("uv"):
        run([uv, "venv", "-q", "--python", sys.executable, str(folder)])
        run([uv, "pip", "install", "-q", "--python", python, *wanted])
    else:
        run([sys.executable, "-m", "venv", str(folder)])
        run([python, "-m", "pip", "install", "-q", *wanted])
    return python


def run(argv: list[str], **env: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MILLRACE_", "PYTHON"))}
    done = subprocess.run(argv, env={**clean, **env}, cwd="/", capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def facts() -> list[Fact]:
    source = find(USE_CASE).source
    assert source is not None
    return load(source)[: LEARNT + 3 * ASKED]


@pytest.fixture
async def registered(mlflow_connections: Connections, facts: list[Fact], tmp_path: Path) -> Registered:
    use_case = find(USE_CASE)
    learner = Learner(use_case)
    for _ in learner.meet(Met(available_at(fact), fact) for fact in facts[:LEARNT]):
        pass
    signer = Signer.load_or_create(tmp_path / "keys" / "trainer.pem")
    key = tmp_path / "keys" / "trainer.pub"
    sealed = seal(header(learner), snapshot_parts(learner), signer.sign)
    state = ServingState.open(use_case, sealed, PublicKeys.load([key]).verify)
    opened = open_registry(mlflow_connections.model_copy(update={"public_keys": [key]}))
    await register(opened, state, sealed)
    environment = {
        "MLFLOW_TRACKING_URI": mlflow_connections.mlflow,
        "MLFLOW_S3_ENDPOINT_URL": mlflow_connections.s3_endpoint,
        "AWS_ACCESS_KEY_ID": mlflow_connections.s3_access_key,
        "AWS_SECRET_ACCESS_KEY": mlflow_connections.s3_secret_key.get_secret_value(),
    }
    events = [fact for fact in facts[LEARNT:] if isinstance(fact, Event)][:ASKED]
    return Registered(state, events, key, environment)


def header(learner: Learner) -> Header:
    return Header(
        kind="snapshot",
        use_case=USE_CASE,
        shard=0,
        epoch=1,
        offset=7,
        state_id=str(StateId(USE_CASE, 0, 1, 7)),
        champion=learner.contest.champion,
        trained_until=when(learner.trained_until),
        stream_time=when(learner.time),
        use_case_hash=hash_of(learner.use_case),
        environment={},
        events=LEARNT,
    )


async def register(registry: MlflowRegistry, state: ServingState, sealed: bytes) -> None:
    await registry.register(
        Registration(
            use_case=USE_CASE,
            question=state.use_case.question,
            state_id=state.header.state_id,
            champion=state.header.champion or "",
            trained_until=state.header.trained_until or "",
            checkpoint_key="",
            events=state.header.events,
            sealed=sealed,
            metrics={name: {"mae": 1.0} for name in state.use_case.candidates},
        )
    )
    await registry.close()


def lines(path: Path, rows: list[Any]) -> str:
    path.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    return str(path)


async def test_a_bare_session_answers_as_the_platform_does(
    registered: Registered, bare_python: str, tmp_path: Path
) -> None:
    """`mlflow.pyfunc.load_model` in an environment without Millrace gives, for 1,000 events, the very numbers that the
    serving state gives: from events, from features, with and without a key to trust."""
    state, events, key, environment = registered
    expected = [state.answer(event) for event in events]
    assert len(expected) == ASKED
    session = tmp_path / "session.py"
    session.write_text(SESSION)
    times = [name for name, it in vars(type(events[0]))["__annotations__"].items() if "datetime" in str(it)]
    argv = [
        bare_python,
        str(session),
        f"models:/{USE_CASE}@champion",
        lines(tmp_path / "events.jsonl", events),
        lines(tmp_path / "features.jsonl", [answer.features for answer in expected]),
        ",".join(["occurred_at", *times]),
        state.use_case.id_field,
    ]
    for trusted in ({}, {"MILLRACE_PUBLIC_KEYS": json.dumps([str(key)])}):
        told = json.loads(run(argv, **environment, **trusted).splitlines()[-1])
        assert told["columns"] == ["value", *state.use_case.candidates, "state_id"]
        assert told["answers"]["value"] == [answer.value for answer in expected]
        for name in state.use_case.candidates:
            assert told["answers"][name] == [answer.by_candidate[name] for answer in expected]
        assert told["by_features"] == told["answers"]["value"]
        assert set(told["answers"]["state_id"]) == {state.header.state_id}
        assert told["metadata"]["state_id"] == state.header.state_id
        assert "row 0 is not an event" in told["refused"]
        assert state.use_case.id_field in told["refused"]
        assert len(told["warned"]) == (0 if trusted else 1)


async def test_a_key_that_is_not_trusted_opens_nothing(
    registered: Registered, bare_python: str, tmp_path: Path
) -> None:
    """With keys to trust set, a model signed by another key is refused, whatever key came with it."""
    Signer.load_or_create(tmp_path / "other.pem")
    keys = json.dumps([str(tmp_path / "other.pub")])
    load_it = f"import mlflow; mlflow.pyfunc.load_model('models:/{USE_CASE}@champion')"
    with pytest.raises(AssertionError, match="made by none of the 1 trusted keys"):
        run([bare_python, "-c", load_it], **registered.environment, MILLRACE_PUBLIC_KEYS=keys)


async def test_the_session_in_the_guide_runs(registered: Registered, bare_python: str) -> None:
    """The session of docs/models.md, copied and pasted, prints an answer of the registered state."""
    guide = (Path(__file__).parents[3] / "docs" / "models.md").read_text()
    session = guide.partition("```python\n")[2].partition("```")[0]
    assert registered.state.header.state_id in run([bare_python, "-c", session], **registered.environment)


async def test_the_registry_shows_what_a_version_holds(registered: Registered) -> None:
    """MLflow's own server reaches the artifact in the object store, for its pages."""
    client = httpx.Client(base_url=registered.environment["MLFLOW_TRACKING_URI"])
    named = client.get("/api/2.0/mlflow/registered-models/alias", params={"name": USE_CASE, "alias": "champion"}).json()
    asked = {"name": USE_CASE, "version": named["model_version"]["version"], "path": "MLmodel"}
    shown = client.get("/model-versions/get-artifact", params=asked)
    assert shown.is_success, shown.text
    assert json.loads(shown.text)["metadata"]["state_id"] == registered.state.header.state_id

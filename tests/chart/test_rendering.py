"""What the chart renders is what Kubernetes takes."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from millrace.cli.deploy import values
from millrace.cli.settings import PREFIX, SERVICES
from tests.chart.rendering import (
    CHART,
    KUBERNETES,
    PRESETS,
    ROOT,
    SHAPES,
    component,
    helm,
    objects,
    one,
    pods,
    schemas,
    text_of,
    tool,
)
from tests.cli.calling import millrace

OTHERS = ("Kafka", "KafkaNodePool", "ServiceMonitor", "PrometheusRule")
"""Kinds of operators, whose schemas the API server does not bring."""


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[str, str]]]:
    """What kubeconform says of each object of each shape, and of one that is wrong: status and message, by shape."""
    folder = tmp_path_factory.mktemp("rendered")
    for shape, options in SHAPES.items():
        (folder / f"{shape}.yaml").write_text(text_of(*options))
    wrong = yaml.safe_dump(one("Deployment", "-api")).replace("readOnlyRootFilesystem", "readonlyRootFilesystem")
    (folder / "misspelt.yaml").write_text(wrong)
    where = f"{schemas()}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    argv = [tool("kubeconform"), "-strict", "-n", "1", "-output", "json", "-verbose", "-skip", ",".join(OTHERS)]
    done = subprocess.run(
        [*argv, "-schema-location", where, str(folder)], capture_output=True, text=True, check=False, timeout=240
    )
    found: dict[str, list[tuple[str, str]]] = {}
    for it in json.loads(done.stdout)["resources"]:
        found.setdefault(Path(it["filename"]).stem, []).append((it["status"], it["msg"]))
    return found


@pytest.mark.parametrize("shape", SHAPES)
def test_every_object_fits_the_schema_of_the_api(shape: str, verdicts: dict[str, list[tuple[str, str]]]) -> None:
    """Not one error or unknown field, for each preset and each way of standing on what others run."""
    said = verdicts[shape]
    assert len(said) == len(objects(*SHAPES[shape]))
    assert [it for it in said if it[0] not in ("statusValid", "statusSkipped")] == []
    others = sum(it["kind"] in OTHERS for it in objects(*SHAPES[shape]))
    assert sum(status == "statusSkipped" for status, _ in said) == others


def test_strimzis_kinds_are_written_in_the_version_that_the_cluster_has() -> None:
    """v1beta2 is gone from its 1.0; v1 came with 0.49. Without a cluster, the newer."""
    cluster = ("--api-versions", "kafka.strimzi.io/v1beta2"), ("--api-versions", "kafka.strimzi.io/v1")
    for reach, version in [((), "v1"), (cluster[0], "v1beta2"), (cluster[1], "v1"), (cluster[0] + cluster[1], "v1")]:
        found = objects(*SHAPES["strimzi"], *reach, kind="Kafka") + objects(
            *SHAPES["strimzi"], *reach, kind="KafkaNodePool"
        )
        assert [it["apiVersion"] for it in found] == [f"kafka.strimzi.io/{version}"] * 2


@pytest.mark.parametrize("shape", SHAPES)
def test_no_two_objects_have_the_same_name(shape: str) -> None:
    """The second of a kind would be refused in the middle of the installation."""
    named = Counter((it["kind"], it["metadata"]["name"]) for it in objects(*SHAPES[shape]))
    assert [it for it, times in named.items() if times > 1] == []


def test_a_misspelt_field_would_be_found(verdicts: dict[str, list[tuple[str, str]]]) -> None:
    """The check above sees what it is for."""
    ((status, message),) = verdicts["misspelt"]
    assert status == "statusInvalid"
    assert "readonlyRootFilesystem" in message


@pytest.mark.parametrize("preset", PRESETS)
def test_helm_finds_nothing_to_say(preset: str) -> None:
    """No error and no warning."""
    done = helm("lint", "--strict", "--kube-version", KUBERNETES, str(CHART), *PRESETS[preset])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout
    assert "ERROR" not in done.stdout


def test_every_value_is_explained_and_known_to_the_schema() -> None:
    """A value that the schema does not know would be refused; one that `values.yaml` does not show would not be found."""
    shown = yaml.safe_load((CHART / "values.yaml").read_text())
    schema = msgspec.json.decode((CHART / "values.schema.json").read_bytes())
    assert _leaves(schema, schema) - {"global"} == _paths(shown)


def _leaves(schema: dict[str, Any], it: dict[str, Any], path: str = "") -> set[str]:
    if "$ref" in it:
        it = schema["$defs"][it["$ref"].rpartition("/")[2]]
    if path in ("useCases", "global") or "properties" not in it or path.endswith("resources"):
        return {path}
    return set().union(*(_leaves(schema, its, f"{path}.{name}".lstrip(".")) for name, its in it["properties"].items()))


def _paths(it: Any, path: str = "") -> set[str]:
    if not isinstance(it, dict) or not it or path.endswith("resources"):
        return {path}
    return set().union(*(_paths(its, f"{path}.{name}".lstrip(".")) for name, its in it.items()))


@pytest.mark.parametrize("shape", SHAPES)
def test_parts_are_told_by_settings_they_know(shape: str) -> None:
    """A misspelt variable would end a part at its start."""
    from importlib import import_module

    known: set[str] = set()
    for where in SERVICES.values():
        module, _, name = where.partition(":")
        known |= {f"{PREFIX}{it.upper()}" for it in getattr(import_module(module), name).model_fields}
    told = {
        it["name"]
        for _, pod in pods(*SHAPES[shape])
        for each in pod["spec"]["containers"]
        for it in each.get("env", ())
    }
    assert {it for it in told if it.startswith(PREFIX)} <= known


SIZES = {"Mi": 1, "Gi": 1024}
BRIEF = ("topics", "buckets", "ask")
"""What ends before there is much to learn, or comes when somebody asks."""


def _memory(what: str, brief: bool) -> int:
    """Return the MiB of all limits or requests of the demo, of what stays or of what comes and goes."""
    total = 0
    for name, pod in pods(*PRESETS["demo"]):
        for it in pod["spec"]["containers"] if (component(pod) in BRIEF) == brief else ():
            memory = it["resources"][what]["memory"]
            most = 2 if name.endswith("-api") and what == "limits" else 1
            total += most * int(memory[:-2]) * SIZES[memory[-2:]]
    return total


def test_the_demo_fits_on_a_laptop() -> None:
    """What stays keeps within 7 of 8 GiB by its limits, the rest is Kubernetes' own; what it asks for is half of that."""
    print(f"limits {_memory('limits', False)} + {_memory('limits', True)}, requests {_memory('requests', False)} MiB")
    assert 4_000 < _memory("limits", brief=False) <= 7 * 1024
    assert _memory("limits", brief=False) + _memory("limits", brief=True) <= 8 * 1024
    assert 2_000 < _memory("requests", brief=False) <= 4 * 1024


def test_a_users_own_file_reaches_its_trainer_byte_for_byte(tmp_path: Any) -> None:
    """`millrace deploy FILE --output values` is all it takes: a state is continued only by the very text that wrote it."""
    file = ROOT / "docs" / "examples" / "parcel_delay.py"
    told = millrace("deploy", str(file), "--output", "values", home=tmp_path)
    assert told.returncode == 0, told.stderr
    (tmp_path / "values.yaml").write_text(told.stdout)
    given = ("-f", str(tmp_path / "values.yaml"))
    assert one("ConfigMap", "-case-parcel-delay", *given)["data"] == {"parcel_delay.py": file.read_text()}
    (trainer,) = one("Deployment", "-trainer-parcel-delay", *given)["spec"]["template"]["spec"]["containers"]
    env = {it["name"]: it.get("value") for it in trainer["env"]}
    assert env["MILLRACE_USE_CASE"] == "/usecases/parcel-delay/parcel_delay.py"
    assert {"name": "case-parcel-delay", "mountPath": "/usecases/parcel-delay", "readOnly": True} in trainer[
        "volumeMounts"
    ]


TEXTS = ["a = 1\n", "  b = 1\n\n\nc = 'é → 🌊'\n", "a = 1", "a\r\nb\n", "a = '\x07{{ .Values }}'\n", "a\n\n", "\n"]


@pytest.mark.parametrize("text", TEXTS)
def test_any_text_comes_back_from_values_as_it_was(text: str) -> None:
    """Line ends, blank lines and odd characters are part of a file."""
    assert yaml.safe_load(values("my-case", "topics", text))["useCases"][0]["file"] == text

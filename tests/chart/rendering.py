"""Renders the chart with helm, as `helm install` would, and reads what came out."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "millrace"
TOOLS = ROOT / ".tools" / "bin"
KUBERNETES = "1.34.0"

PRESETS = {
    "default": [],
    "demo": ["-f", str(CHART / "values-demo.yaml")],
    "production": ["-f", str(CHART / "values-production.yaml")],
}
SHAPES = {
    **PRESETS,
    "three brokers": ["--set", "kafka.brokers=3"],
    "strimzi": ["--set", "kafka.mode=strimzi,kafka.brokers=3"],
    "a user's own file": [
        "--set-file",
        f"useCases[0].file={ROOT / 'docs' / 'examples' / 'parcel_delay.py'}",
        "--set",
        "useCases[0].name=parcel-delay,useCases[0].source=topics",
    ],
    "a file that is there": [
        "--set",
        "useCases[0].name=my-case,useCases[0].configMap.name=m,useCases[0].configMap.key=a.py",
    ],
    "without extras": [
        "--set",
        "feed.enabled=false,dashboard.enabled=false,jobs.enabled=false,networkPolicy.enabled=false",
    ],
    "outside": [
        "-f",
        str(CHART / "values-production.yaml"),
        "--set",
        "mlflow.mode=external,mlflow.external.url=https://m.example.com",
    ],
    "watched": [
        "-f",
        str(CHART / "values-demo.yaml"),
        "--set",
        "watching.mode=operator,watching.labels.release=monitoring",
    ],
    "watched by its own": [
        *("--set", "watching.mode=bundled,watching.kubernetes.enabled=false,watching.grafana.existingSecret=g"),
        *("--set", "watching.alertmanager.existingSecret=a"),
        *("--set-json", 'watching.alertmanager.egress=[{"cidr":"203.0.113.0/24","ports":[443,587]}]'),
    ],
    "watched beside its own Grafana": ["--set", "watching.mode=bundled,watching.grafana.enabled=false"],
    "exposed": ["--set", "ingress.enabled=true,mlflow.expose=true,ingress.tls.enabled=true"],
    "keys in turn": ["--set-string", "signing.alsoTrusted[0]=-----BEGIN PUBLIC KEY-----"],
    "a schema registry": [
        "--set",
        "kafka.schemaRegistry.url=https://r.example.com,kafka.schemaRegistry.existingSecret=r",
    ],
}

Object = dict[str, Any]


def tool(name: str) -> str:
    """Return the path of a tool; skip the test where there is none, fail it where everything must be there."""
    found = shutil.which(name, path=f"{TOOLS}{os.pathsep}{os.environ.get('PATH', '')}")
    if found is None:
        missing(f"{name} is not here: .ci/tools (or .ci/cluster-tools) builds it into .tools/bin")
    return found


def missing(why: str) -> NoReturn:
    """Skip the test; fail it where everything must be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)


def helm(*words: str) -> subprocess.CompletedProcess[str]:
    """Run helm."""
    return subprocess.run([tool("helm"), *words], capture_output=True, text=True, check=False, timeout=60)


def template(*options: str) -> subprocess.CompletedProcess[str]:
    """Render the chart, or fail to."""
    return helm("template", "m", str(CHART), "--namespace", "river", "--kube-version", KUBERNETES, *options)


@cache
def text_of(*options: str) -> str:
    """Return what the chart renders, as YAML."""
    done = template(*options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def objects(*options: str, kind: str = "") -> list[Object]:
    """Return what the chart renders, all of it or of one kind."""
    found = [it for it in yaml.load_all(text_of(*options), yaml.CSafeLoader) if it]
    return [it for it in found if kind in ("", it["kind"])]


def one(kind: str, name: str, *options: str) -> Object:
    """Return one object by its kind and the end of its name."""
    (found,) = [it for it in objects(*options, kind=kind) if it["metadata"]["name"] == f"m-millrace{name}"]
    return found


def pods(*options: str) -> Iterator[tuple[str, Object]]:
    """Yield each pod that the chart brings into being: the name of what makes it, and its template."""
    for it in objects(*options):
        if it["kind"] == "Pod":
            yield it["metadata"]["name"], it
        elif it["kind"] in ("Deployment", "StatefulSet", "Job"):
            yield it["metadata"]["name"], it["spec"]["template"]


def component(it: Object) -> str:
    """Return which part of the platform an object is of."""
    return str(it["metadata"]["labels"]["app.kubernetes.io/component"])


@cache
def schemas() -> Path:
    """Return a folder of Kubernetes' own schemas as kubeconform reads them, from the package that carries them."""
    spec = find_spec("kubernetes_validate")
    assert spec is not None
    assert spec.origin is not None
    carried = Path(spec.origin).parent / "kubernetes-json-schema" / f"v{KUBERNETES}-local-strict"
    folder = ROOT / ".tools" / "schemas" / KUBERNETES
    if not folder.exists():
        draft = folder.with_name(f".{os.getpid()}")
        draft.mkdir(parents=True)
        for file in carried.glob("*.json"):
            if file.name == "_definitions.json" or file.name.count("-") >= 1:
                (draft / file.name).write_text(_beside(file.read_text()))
        draft.rename(folder)
    return folder


def _beside(text: str) -> str:
    """Return a schema that refers to its definitions as a file beside it."""
    schema = json.loads(text.replace("/api/_definitions.json", "_definitions.json"))
    schema.pop("$id", None)
    return json.dumps(schema)

"""What the images are made of, as far as the Dockerfile says it; `.ci/images` builds and starts them."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import yaml

from tests.chart.rendering import CHART, PRESETS, ROOT, one, pods

TEXT = (ROOT / "Dockerfile").read_text()
STAGES = dict(re.findall(r"^FROM \S+ AS (\S+)\n(.*?)(?=^FROM |\Z)", TEXT, re.MULTILINE | re.DOTALL))
RUN = ("core", "dashboard", "mlflow")


def test_what_runs_is_nobody_and_carries_no_tool() -> None:
    """Stages that run have only what was copied from those that build, and a numeric user that is not root."""
    assert set(RUN) <= set(STAGES)
    assert re.search(r"^USER 10001:10001$", STAGES["base"], re.MULTILINE)
    for stage in RUN:
        words = re.findall(r"^[A-Z]+", STAGES[stage], re.MULTILINE)
        assert "RUN" not in words, stage
        assert "USER" not in words, stage
        assert re.findall(r"^COPY (.*)$", STAGES[stage], re.MULTILINE) == [
            f"--from={stage}-builder /opt/millrace /opt/millrace"
        ]


def test_pods_run_as_the_images_user() -> None:
    """The chart's number is the image's: its folders belong to it."""
    ours = [pod for _, pod in pods(*PRESETS["demo"]) if "millrace/" in pod["spec"]["containers"][0]["image"]]
    assert len(ours) >= 6
    assert {pod["spec"]["securityContext"]["runAsUser"] for pod in ours} == {10001}


def test_every_installation_is_held_to_the_lock() -> None:
    """Each names requirements.lock as its constraint, or installs this project alone."""
    installed = re.findall(r"uv pip install((?:.|\\\n)*?)(?:$|&&)", TEXT.replace("\\\n", " "), re.MULTILINE)
    assert len(installed) >= 5
    assert [it for it in installed if "--constraint requirements.lock" not in it and "--no-deps ." not in it] == []
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(re.findall(r"--extra (\S+)", TEXT)) <= set(extras)


def test_the_registrys_image_has_what_its_command_asks_for() -> None:
    """MLflow tells its figures with a package that it does not bring itself, and ends where that is missing."""
    (container,) = one("Deployment", "-mlflow")["spec"]["template"]["spec"]["containers"]
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert "--expose-prometheus" in container["args"]
    assert [it for it in extras["registry"] if it.startswith("prometheus-flask-exporter")]


def test_the_python_is_exact() -> None:
    """A state is continued only by the version that wrote it, so an image must not change it unasked."""
    assert re.search(r"^ARG PYTHON_IMAGE=python:3\.\d+\.\d+-slim-\w+$", TEXT, re.MULTILINE)


def test_a_constraint_with_a_wrong_hash_is_refused(tmp_path: Path) -> None:
    """The images rely on it: what is installed by a constraint is checked by the constraint's hashes."""
    uv = subprocess.run([ROOT / ".ci" / "uv"], capture_output=True, text=True, check=True).stdout.strip()
    wheel = tmp_path / "links" / "tiny-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    _write_wheel(wheel)
    constraint = tmp_path / "lock"
    constraint.write_text(f"tiny==1.0 --hash=sha256:{'0' * 64}\n")
    argv = [
        str(ROOT / uv),
        "pip",
        "install",
        "--no-index",
        "--find-links",
        str(wheel.parent),
        "--target",
        str(tmp_path / "to"),
    ]
    done = subprocess.run(
        [*argv, "tiny", "--constraint", str(constraint)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode != 0
    assert "hash" in done.stderr.lower()


def _write_wheel(file: Path) -> None:
    import zipfile

    with zipfile.ZipFile(file, "w") as wheel:
        wheel.writestr("tiny.py", "")
        wheel.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        wheel.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("tiny-1.0.dist-info/RECORD", "")


def test_the_chart_names_the_images_that_are_built() -> None:
    """Repository and version are those of `make images`."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    shown = yaml.safe_load((CHART / "values.yaml").read_text())["images"]
    assert (chart["version"], chart["appVersion"]) == (version, version)
    assert {shown[stage]["repository"] for stage in RUN} == {f"millrace/{stage}" for stage in RUN}


def test_make_k3d_says_what_it_does() -> None:
    """Create, build, import, namespaces, install, ask: in this order, and nothing is run to say so."""
    done = subprocess.run(["make", "-n", "k3d"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    steps = [
        "k3d cluster create",
        "build --target",
        "k3d image import",
        "kubectl apply",
        "helm upgrade --install",
        "helm test",
    ]
    found = [done.stdout.index(step) for step in steps]
    assert found == sorted(found)

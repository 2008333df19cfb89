"""`millrace deploy`: what goes into the cluster, and what cannot."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from tests.cli.calling import millrace

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "parcel_delay.py"


def test_a_file_goes_in_whole(tmp_path: Path) -> None:
    """Its name is the use case's, its text the file's."""
    done = millrace("deploy", str(EXAMPLE), "--output", "values", home=tmp_path)
    assert yaml.safe_load(done.stdout) == {
        "useCases": [{"name": "parcel-delay", "source": "topics", "file": EXAMPLE.read_text()}]
    }


def test_one_that_is_installed_is_named(tmp_path: Path) -> None:
    """There is nothing to carry."""
    (entry,) = yaml.safe_load(millrace("deploy", "default", home=tmp_path).stdout)["useCases"]
    assert set(entry) == {"name", "source"}


def test_a_file_that_is_not_all_there_is_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it imports from beside it would be missing in the cluster."""
    (tmp_path / "rates.py").write_text("HALF_LIFE = '6h'\n")
    (tmp_path / "my_case.py").write_text("import rates\n" + EXAMPLE.read_text().replace('"6h"', "rates.HALF_LIFE"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    done = millrace("deploy", str(tmp_path / "my_case.py"), home=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "imports rates from beside its file, and a cluster is given one file" in done.stderr


def test_a_stream_that_nobody_can_send_is_not_promised(tmp_path: Path) -> None:
    """A producer needs a recording or a simulator."""
    done = millrace("deploy", str(EXAMPLE), "--source", "producer", home=tmp_path)
    assert done.returncode == 1
    assert "parcel-delay has no stream to send" in done.stderr

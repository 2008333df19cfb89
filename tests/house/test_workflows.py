"""Workflows of the hosted CI, which nobody runs here: at least they can be read."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

WORKFLOWS = sorted((Path(__file__).parents[2] / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda it: it.name)
def test_a_workflow_is_one_that_can_be_read(file: Path) -> None:
    """It is YAML, each job has a machine and steps, each step uses or runs something, and what it runs is the shell's."""
    told = yaml.safe_load(file.read_text())
    assert told["jobs"]
    for job in told["jobs"].values():
        assert job["runs-on"]
        for step in job["steps"]:
            assert len({"uses", "run"} & set(step)) == 1, step
            done = subprocess.run(
                ["bash", "-n"], input=step.get("run", ""), text=True, capture_output=True, check=False
            )
            assert (done.returncode, done.stderr) == (0, ""), step["run"]

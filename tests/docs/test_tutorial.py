"""The tutorial does what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(?P<kind>\w+)(?: file=(?P<file>\S+))?\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)


def test_the_tutorial_runs_as_written(tmp_path: Path) -> None:
    """In an empty folder: each file is written, each command is run, in the order of the page, and none fails."""
    commands = tmp_path / "bin"
    commands.mkdir()
    for name, what in (("python", ""), ("millrace", " -m millrace.cli")):
        (commands / name).write_text(f'#!/bin/sh\nexec "{sys.executable}"{what} "$@"\n')
        (commands / name).chmod(0o755)
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}"}
    said: dict[str, str] = {}
    for block in BLOCK.finditer((ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")):
        if block["file"]:
            (tmp_path / block["file"]).write_text(block["text"])
        if block["kind"] == "sh":
            run = subprocess.run(["sh", "-ec", block["text"]], cwd=tmp_path, env=env, capture_output=True, text=True)
            assert run.returncode == 0, run.stdout + run.stderr
            said[block["text"].strip()] = run.stdout
    assert "all right" in said["millrace check slow_orders.py"]
    assert "2,000 events, 2,000 labels learnt" in said["millrace rehearse slow_orders.py\npython slow_orders.py"]
    assert "2 passed" in said["python -m pytest"]

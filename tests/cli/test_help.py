"""Every command explains itself, at once, with examples."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from millrace.cli import COMMANDS, app

HEAVY = ("river", "mlflow", "aiokafka", "fastapi", "reflex", "numpy", "confluent_kafka", "httpx", "psutil")


@pytest.mark.parametrize("command", [*([name] for name in COMMANDS), ["backtest"], ["bench", "learner"]])
def test_a_command_says_what_it_does_with_examples(command: list[str]) -> None:
    """Help is where people look first."""
    said = CliRunner().invoke(app, [*command, "--help"], prog_name="millrace")
    assert said.exit_code == 0
    assert "Usage: millrace" in said.output
    if command != ["bench"]:
        assert "Examples:" in said.output


def test_help_waits_for_no_library_that_it_does_not_need() -> None:
    """River and MLflow take seconds to import; a help text must not."""
    script = (
        "import sys\nfrom typer.testing import CliRunner\nfrom millrace.cli import COMMANDS, app\n"
        "for name in COMMANDS: assert CliRunner().invoke(app, [name, '--help']).exit_code == 0, name\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_version_is_told() -> None:
    """For a bug report."""
    from importlib.metadata import version

    assert CliRunner().invoke(app, ["--version"]).output.strip() == version("millrace")

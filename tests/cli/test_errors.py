"""What is wrong is said in one line, with what to do; a traceback only for those who ask."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.calling import millrace


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("rebuild", "nonsense"), "'nonsense' is not a state id"),
        (("rehearse", "nobody"), "there is no use case 'nobody'; there are: card-fraud, "),
        (("produce", "nobody"), "there is no use case 'nobody'"),
        (("up", "--use-case", "nobody"), "there is no use case 'nobody'"),
        (("models", "flight-delay", "--promote", "nobody"), "flight-delay has no candidate 'nobody'; it has: linear"),
    ],
)
def test_an_error_of_ours_is_one_line_and_exit_code_1(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    """Nobody should have to read a traceback to learn that a name was mistyped."""
    done = millrace(*words, home=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"millrace: {said}")
    assert done.stderr.count("\n") == 1


def test_whoever_debugs_sees_where_it_came_from(tmp_path: Path) -> None:
    """`MILLRACE_DEBUG=1` shows the traceback."""
    done = millrace("rebuild", "nonsense", home=tmp_path, DEBUG="1")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("up", "--kafka", "somewhere"),
        ("up", "--s3", "s3.example"),
        ("up", "--redis", "http://redis.example"),
        ("up", "--api-port", "70000"),
        ("run", "nothing"),
        ("models",),
        ("no-such-command",),
    ],
)
def test_wrong_usage_is_exit_code_2(words: tuple[str, ...], tmp_path: Path) -> None:
    """Scripts tell it from a failure."""
    done = millrace(*words, home=tmp_path)
    assert done.returncode == 2
    assert "Usage: millrace" in done.stderr


def test_a_part_does_not_start_with_an_impossible_setting(tmp_path: Path) -> None:
    """It names the variable, what is wrong with its value, and what is missing beside it."""
    done = millrace("run", "trainer", home=tmp_path, SHARD="-1", PYTHONHASHSEED="0")
    assert done.returncode == 1
    done = millrace("run", "trainer", home=tmp_path, SHARD="-1")
    assert done.returncode == 1
    assert "MILLRACE_SHARD: Input should be greater than or equal to 0; it is '-1'" in done.stderr
    assert "MILLRACE_USE_CASE: is not set, and must be" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [("run", "api"), ("up",)])
def test_a_setting_that_nobody_reads_is_refused_with_the_one_that_was_meant(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    """A mistyped setting is one without effect, noticed too late."""
    done = millrace(*words, home=tmp_path, CHECKPOINT_INTERVALL="5")
    assert done.returncode == 1
    assert "MILLRACE_CHECKPOINT_INTERVALL is no setting; is MILLRACE_CHECKPOINT_INTERVAL meant?" in done.stderr


def test_what_kubernetes_tells_every_pod_is_no_mistyped_setting(tmp_path: Path) -> None:
    """A Service whose name begins like our variables comes with variables of its own."""
    from millrace.cli.settings import unknown

    told = {"MILLRACE_API_SERVICE_HOST": "10.0.0.1", "MILLRACE_API_PORT_8000_TCP_ADDR": "10.0.0.1"}
    assert unknown(told) == []
    assert unknown({"MILLRACE_SERVICES": "1"}) != []


def test_status_of_a_home_where_nothing_runs_says_so(tmp_path: Path) -> None:
    """Exit code 1, so that a script can wait for it."""
    done = millrace("status", home=tmp_path)
    assert done.returncode == 1
    assert "`millrace up` starts it" in done.stderr

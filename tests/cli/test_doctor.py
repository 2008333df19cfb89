"""The doctor tells what is in force, who said so, and what is wrong; never a secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from millrace.cli.secrets import without_password
from millrace.runtime.home import Home, Standing
from millrace.runtime.signing import Signer
from tests.cli.calling import millrace


def _doctor(home: Path, **settings: str) -> tuple[int, dict[str, Any], str]:
    done = millrace("doctor", "--json", home=home, **settings)
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout), done.stdout


def _wrong(found: dict[str, Any]) -> dict[str, str]:
    return {it["about"]: it["words"] for it in found["findings"] if it["level"] == "wrong"}


def test_a_fresh_machine_is_well(tmp_path: Path) -> None:
    """Nothing runs yet, and that is nothing wrong."""
    status, found, _ = _doctor(tmp_path)
    assert (status, _wrong(found)) == (0, {})
    assert found["here"]["python"].startswith("3.")


def test_every_setting_is_told_with_its_source_help_and_readers(tmp_path: Path) -> None:
    """Where a value comes from is half of why it is wrong."""
    _, found, _ = _doctor(tmp_path, CHECKPOINT_INTERVAL="12")
    settings = {it["variable"]: it for it in found["settings"]}
    assert all(it["help"].endswith(".") for it in settings.values())
    told = settings["MILLRACE_CHECKPOINT_INTERVAL"]
    assert (told["value"], told["source"], told["used_by"]) == ("12", "environment", ["trainer"])
    assert settings["MILLRACE_REDIS"]["source"] == "default"
    assert settings["MILLRACE_REDIS"]["used_by"] == ["trainer", "producer", "api", "feed", "dashboard"]


def test_secrets_are_hidden_wherever_they_stand(tmp_path: Path) -> None:
    """People paste this into issues."""
    hidden = "xyzzy-hidden"
    settings = {
        "S3_SECRET_KEY": hidden,
        "REDIS": f"redis://:{hidden}@127.0.0.1:1/0",
        "MLFLOW": f"http://me:{hidden}@127.0.0.1:1",
    }
    _, found, text = _doctor(tmp_path, **settings)
    assert hidden not in text
    values = {it["variable"]: it["value"] for it in found["settings"]}
    assert values["MILLRACE_REDIS"] == "redis://(hidden)@127.0.0.1:1/0"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://me:secret@host:1/x?y=z", "http://(hidden)@host:1/x?y=z"),
        ("redis://host:6379/0", "redis://host:6379/0"),
        ("host:9092,other:9092", "host:9092,other:9092"),
        ("@/some/file", "@/some/file"),
    ],
)
def test_an_address_is_shown_without_its_credentials(address: str, shown: str) -> None:
    """What is left says where, not who."""
    assert without_password(address) == shown


def test_what_was_told_and_does_not_answer_is_wrong(tmp_path: Path) -> None:
    """A default that nobody started is no fault; an address that somebody gave is."""
    status, found, _ = _doctor(tmp_path, S3_ENDPOINT="http://127.0.0.1:1")
    assert status == 1
    assert list(_wrong(found)) == ["s3_endpoint"]


def test_unknown_and_impossible_settings_are_wrong(tmp_path: Path) -> None:
    """Both are told at once, so that one look is enough."""
    status, found, _ = _doctor(tmp_path, SPED="60", SHARD="-1")
    assert status == 1
    words = [it["words"] for it in found["findings"] if it["about"] == "settings"]
    assert words[0].startswith("MILLRACE_SHARD: ")
    assert words[1] == "MILLRACE_SPED is no setting; is MILLRACE_SPEED meant?"


def test_the_secret_everybody_knows_is_wrong_on_another_machine(tmp_path: Path) -> None:
    """The default is for the embedded store, which listens on loopback."""
    _, found, _ = _doctor(tmp_path, S3_ENDPOINT="http://s3.invalid:1")
    assert "secret key everybody knows" in _wrong(found)["security"]


def test_a_private_key_that_others_may_read_is_wrong(tmp_path: Path) -> None:
    """Whoever has it can make states that are trusted."""
    key = tmp_path / "keys" / "trainer.key"
    Signer.load_or_create(key)
    assert _wrong(_doctor(tmp_path)[1]) == {}
    key.chmod(0o644)
    assert "others may read" in _wrong(_doctor(tmp_path)[1])["keys"]


def test_a_public_key_that_cannot_be_read_is_wrong(tmp_path: Path) -> None:
    """Nothing would be trusted, and nothing served."""
    Signer.load_or_create(tmp_path / "keys" / "trainer.key")
    (tmp_path / "keys" / "trainer.pub").write_text("not a key")
    assert "cannot be read" in _wrong(_doctor(tmp_path)[1])["keys"]


def test_commands_find_the_platform_of_their_home(tmp_path: Path) -> None:
    """`millrace models` in a second terminal needs no address; what the environment says goes first."""
    home = Home(tmp_path)
    told = {"MILLRACE_MLFLOW": "http://127.0.0.1:1", "MILLRACE_REDIS": "redis://127.0.0.1:1/0"}
    with home.claim():
        home.write(Standing(pid=1, guard=2, started_at="", environment=told, parts=[]))
    _, found, _ = _doctor(tmp_path, REDIS="redis://127.0.0.1:2/0")
    settings = {it["variable"]: it for it in found["settings"]}
    assert settings["MILLRACE_MLFLOW"]["value"] == "http://127.0.0.1:1"
    assert settings["MILLRACE_MLFLOW"]["source"] == f"platform of {tmp_path}"
    assert settings["MILLRACE_REDIS"]["value"] == "redis://127.0.0.1:2/0"

"""What a platform is made of, and what its parts are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from millrace.cli.settings import unknown
from millrace.domain.errors import SettingsError
from millrace.runtime.parts import Platform, Wishes, embedded, platform
from millrace.runtime.settings import Connections

EXTERNAL = {
    "kafka": "kafka.example:9092",
    "s3": "https://s3.example",
    "redis": "redis://:open-sesame@redis.example:6379/0",
    "mlflow": "https://mlflow.example",
}


def _made(home: Path, *use_cases: str, **wishes: object) -> Platform:
    wished = Wishes(home=home, use_cases=list(use_cases or ("parcels",)), **wishes)  # type: ignore[arg-type]
    ports = {name: 20_000 + number for number, name in enumerate(wished.usual_ports())}
    return platform(wished, ports)


def test_everything_is_embedded_unless_it_is_given(tmp_path: Path) -> None:
    """`millrace up` on a laptop with Python and nothing else."""
    made = _made(tmp_path)
    names = [part.name for part in made.parts]
    assert names == ["log", "s3", "redis", "mlflow", "trainer", "producer", "api", "feed", "dashboard"]


def test_what_is_given_is_used_and_not_run(tmp_path: Path) -> None:
    """Each embedded service can be swapped for one that exists."""
    made = _made(tmp_path, dashboard=False, **EXTERNAL)
    assert [part.name for part in made.parts] == ["trainer", "producer", "api", "feed"]
    trainer = made.parts[0].env
    told = [trainer[f"MILLRACE_{name}"] for name in ("KAFKA", "S3_ENDPOINT", "REDIS", "MLFLOW", "EMBEDDED_LOG")]
    assert told == [*EXTERNAL.values(), "false"]


def test_the_embedded_log_is_told_by_a_file_and_as_what_it_is(tmp_path: Path) -> None:
    """Its port is another one after each restart, and nothing that it held is there."""
    trainer = _part(_made(tmp_path), "trainer").env
    assert trainer["MILLRACE_KAFKA"] == f"@{tmp_path / 'log' / 'address'}"
    assert trainer["MILLRACE_EMBEDDED_LOG"] == "true"


def test_real_kafka_on_this_machine_is_not_called_embedded(tmp_path: Path) -> None:
    """It keeps what it is given: no new epoch by itself."""
    made = _made(tmp_path, kafka="local")
    assert made.parts[0].name == "kafka"
    assert _part(made, "trainer").env["MILLRACE_EMBEDDED_LOG"] == "false"


def test_each_use_case_has_a_trainer_and_a_producer_and_all_share_the_rest(tmp_path: Path) -> None:
    """One shard, one owner."""
    made = _made(tmp_path, "parcels", "flights")
    own = {part.name: part.env["MILLRACE_USE_CASE"] for part in made.parts if "MILLRACE_USE_CASE" in part.env}
    assert own == {f"{kind}-{name}": name for name in ("parcels", "flights") for kind in ("trainer", "producer")}
    assert _part(made, "api").env["MILLRACE_USE_CASES"] == "parcels,flights"


def test_every_variable_told_is_a_setting_that_somebody_reads(tmp_path: Path) -> None:
    """A mistyped one would be a setting without effect."""
    told = {name: value for part in _made(tmp_path).parts for name, value in part.env.items()}
    assert unknown(told) == []


def test_no_secret_is_passed_on_by_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials are inherited: what is written for `millrace status` holds none."""
    monkeypatch.setenv("MILLRACE_S3_SECRET_KEY", "xyzzy-secret")
    made = _made(tmp_path)
    assert "xyzzy-secret" not in repr(made.environment)
    assert all("xyzzy-secret" not in repr(part.env) for part in made.parts if part.health)


def test_parts_that_only_read_may_have_a_key_that_cannot_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the chart: the trainer writes checkpoints, nobody else can. What is written down has neither key."""
    monkeypatch.setenv("MILLRACE_S3_READER_ACCESS_KEY", "reader")
    with pytest.raises(SettingsError, match="go together"):
        _made(tmp_path)
    monkeypatch.setenv("MILLRACE_S3_READER_SECRET_KEY", "xyzzy-reads")
    made = _made(tmp_path)
    ours = ("trainer", "producer", "api", "feed")
    keys = {name: _part(made, name).env.get("MILLRACE_S3_ACCESS_KEY") for name in ours}
    assert keys == {"trainer": None, "producer": "reader", "api": "reader", "feed": "reader"}
    assert _part(made, "api").env["MILLRACE_S3_SECRET_KEY"] == "xyzzy-reads"
    assert "xyzzy-reads" not in repr(made.environment)


def test_our_services_need_no_registry_to_start_and_stop_in_order(tmp_path: Path) -> None:
    """MLflow takes ten seconds; and the trainer's last checkpoint needs the store."""
    made = _made(tmp_path)
    assert _part(made, "trainer").order <= _part(made, "mlflow").order
    stops = [_part(made, name).stops for name in ("producer", "trainer", "api", "s3")]
    assert stops == sorted(set(stops))


def test_an_embedded_service_cannot_be_run_elsewhere(tmp_path: Path) -> None:
    """It listens on loopback; an address of another machine is somebody else's service."""
    with pytest.raises(SettingsError, match=r"127\.0\.0\.1 only"):
        embedded("s3", Connections(home=tmp_path, s3_endpoint="https://s3.example"))


def _part(made: Platform, name: str):  # type: ignore[no-untyped-def]
    return next(part for part in made.parts if part.name == name)

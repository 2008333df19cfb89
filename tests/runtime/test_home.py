"""A home remembers ports, tells how its platform is, and is held by one supervisor."""

from __future__ import annotations

import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from millrace.domain.errors import SettingsError
from millrace.runtime import home as homes
from millrace.runtime.home import AlreadyRunning, Home, PartStanding, Standing
from millrace.runtime.reservations import Reservations

HOLDS = """
import sys, time
from pathlib import Path
from millrace.runtime.home import Home
from millrace.runtime.reservations import Reservations
with Home(Path(sys.argv[1])).claim():
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_platform_on_the_same_home_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    """Two supervisors on one state would fight for ports and data; a killed one holds nothing."""
    holder = subprocess.Popen([sys.executable, "-c", HOLDS, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    home = Home(tmp_path)
    assert home.running()
    with pytest.raises(AlreadyRunning, match=f"process {holder.pid}"), home.claim():
        pass
    holder.kill()
    holder.communicate()
    assert not home.running()
    with home.claim():
        pass


def test_ports_are_kept_from_one_start_to_the_next(tmp_path: Path) -> None:
    """Bookmarks, and MLflow's artifacts, name them."""
    usual = {"s3": 0, "redis": 0}
    first = Home(tmp_path).ports(usual, {})
    assert Home(tmp_path).ports(usual, {}) == first
    assert first["s3"] != first["redis"]


def test_a_port_that_somebody_else_holds_now_is_replaced_and_the_others_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A platform starts whatever else runs on the machine."""
    monkeypatch.setattr(homes, "_PORT_WAIT", 0.1)
    usual = {"s3": 0, "redis": 0}
    first = Home(tmp_path).ports(usual, {})
    with socket.create_server(("127.0.0.1", first["s3"])):
        second = Home(tmp_path).ports(usual, {})
    assert second["s3"] != first["s3"]
    assert second["redis"] == first["redis"]


def test_a_usual_port_is_taken_only_when_it_is_free(tmp_path: Path) -> None:
    """8000 if it can be had."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        assert Home(tmp_path / "one").ports({"api": taken}, {})["api"] != taken
    assert Home(tmp_path / "two").ports({"api": taken}, {})["api"] == taken


def test_two_platforms_that_start_at_once_choose_different_ports(tmp_path: Path) -> None:
    """Seconds lie between the choice of a port and its use."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    usual = {"mlflow": free}
    with Reservations(tmp_path / "ports") as mine, Reservations(tmp_path / "ports") as other:
        assert Home(tmp_path / "one").ports(usual, {}, mine.take)["mlflow"] == free
        assert Home(tmp_path / "one").ports(usual, {}, mine.take)["mlflow"] == free
        assert Home(tmp_path / "two").ports(usual, {}, other.take)["mlflow"] != free
    with Reservations(tmp_path / "ports") as later:
        assert later.take(free)


def test_a_port_that_was_told_and_is_taken_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Silently answering elsewhere would be worse."""
    monkeypatch.setattr(homes, "_PORT_WAIT", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        with pytest.raises(SettingsError, match=f"port {taken}, wished for api"):
            Home(tmp_path).ports({"api": 0}, {"api": taken})


def test_how_the_platform_is_can_be_read_back_and_by_its_owner_only(tmp_path: Path) -> None:
    """Addresses may hold passwords."""
    home = Home(tmp_path)
    part = PartStanding(name="api", address="http://127.0.0.1:1", pid=7, state="ready", restarts=0, log="api.log")
    standing = Standing(pid=1, guard=2, started_at="2026-01-01T00:00:00Z", environment={"A": "b"}, parts=[part])
    assert home.standing() is None
    with home.claim():
        home.write(standing)
    assert home.standing() == standing
    assert stat.S_IMODE((tmp_path / "run" / "parts.json").stat().st_mode) == 0o600

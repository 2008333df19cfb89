"""The wheel: what is released is typed, whole, and says what each extra brings."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from email import message_from_string
from email.message import Message
from pathlib import Path

import pytest

from tests.house.tracked import PRODUCT, ROOT, tracked


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Build it with the backend itself: no network is needed."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (built,) = out.glob("millrace-*.whl")
    return zipfile.ZipFile(built)


def metadata(wheel: zipfile.ZipFile) -> Message:
    name = next(it for it in wheel.namelist() if it.endswith(".dist-info/METADATA"))
    return message_from_string(wheel.read(name).decode())


def test_it_carries_every_module_and_the_mark_of_typed_packages(wheel: zipfile.ZipFile) -> None:
    """Whoever installs it gets the types too (PEP 561)."""
    there = set(wheel.namelist())
    assert "millrace/py.typed" in there
    missing = {it for it in tracked() if it.endswith(".py") and it.startswith(PRODUCT)} - there
    assert missing == set()
    assert "millrace/runtime/embedded/alerts.yaml" in there, "`millrace up --prometheus` has no alerts"


def test_it_carries_nothing_that_was_made_on_this_machine(wheel: zipfile.ZipFile) -> None:
    """No cache, no state, no tests."""
    stray = [
        it
        for it in wheel.namelist()
        if re.match(r"tests/|docs/|charts/|observability/|\.|.*/(__pycache__|\.web|\.states|\.millrace)/", it)
    ]
    assert stray == []


def test_its_extras_are_the_ones_the_documents_name(wheel: zipfile.ZipFile) -> None:
    """`pip install millrace[serve]` brings what serving needs, and so on."""
    assert set(metadata(wheel).get_all("Provides-Extra") or []) == {
        "train",
        "serve",
        "feed",
        "pages",
        "sources",
        "notebook",
        "registry",
        "embedded",
        "all",
    }


def test_it_carries_its_licence(wheel: zipfile.ZipFile) -> None:
    """Apache-2.0 asks for both files."""
    licences = {Path(it).name for it in wheel.namelist() if "/licenses/" in it}
    assert licences == {"LICENSE", "NOTICE"}
    assert metadata(wheel)["License-Expression"] == "Apache-2.0"


def test_the_command_is_there(wheel: zipfile.ZipFile) -> None:
    """Installing it gives `millrace`."""
    points = next(it for it in wheel.namelist() if it.endswith("entry_points.txt"))
    assert "millrace = millrace.cli:main" in wheel.read(points).decode()

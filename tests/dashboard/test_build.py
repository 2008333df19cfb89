"""The pages are built once, whoever asks for them at the same time."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from apps.dashboard import build, settings


def test_who_comes_second_waits_and_finds_them_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two that start at once would write into each other's build."""
    monkeypatch.setenv("MILLRACE_HOME", str(tmp_path))
    monkeypatch.setattr(build, "PACKAGED", tmp_path / "none")
    settings.settings.cache_clear()
    built: list[Path] = []

    def slowly(working: Path) -> None:
        built.append(working)
        time.sleep(0.2)
        (working / ".web" / "build" / "client").mkdir(parents=True)

    monkeypatch.setattr(build, "_run", slowly)
    with ThreadPoolExecutor() as together:
        found = {it.result() for it in [together.submit(build.build) for _ in range(3)]}
    settings.settings.cache_clear()
    assert len(built) == 1
    assert found == {built[0] / ".web"}

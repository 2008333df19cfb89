"""The pages as Reflex makes them, without Node and without a browser."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from apps.dashboard import build, headers, plugins


@pytest.fixture
def application(in_pages: Path) -> ModuleType:
    return importlib.import_module("apps.dashboard.app")


def test_every_page_can_be_made(application: ModuleType) -> None:
    """Both pages render from their states alone; neither names a use case."""
    from apps.dashboard.pages.overview import overview
    from apps.dashboard.pages.use_case import use_case
    from millrace.usecases import names

    rendered = str(overview().render()) + str(use_case().render())
    assert "Randomize all fields" in rendered
    assert not [name for name in names() if name in rendered]


def test_no_river_in_the_pages(application: ModuleType) -> None:
    """Importing the pages must not import River: it takes seconds and memory, and pages talk HTTP only."""
    import subprocess
    import sys

    code = "import apps.dashboard.app, sys; print([m for m in ('river', 'trainer', 'producers', 'apps.api') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")


def test_the_bundle_calls_the_port_it_came_from() -> None:
    """The generated script is changed as expected; another Reflex that generates another script is noticed."""
    import reflex_base

    script = (Path(reflex_base.__file__).parent / ".templates" / "web" / plugins.STATE_JS).read_text()
    changed = plugins.same_port(script)
    assert "endpoint.port = window.location.port" in changed
    assert plugins.same_port(changed) == changed
    with pytest.raises(RuntimeError, match="SamePort"):
        plugins.same_port("something else")


def test_what_never_changes_is_kept_and_pages_are_asked_anew() -> None:
    """Names that carry a hash are immutable; everything else is checked at each visit."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    client = TestClient(headers.Headers(app))
    assert "immutable" in client.get("/assets/x-1234.js").headers["cache-control"]
    assert client.get("/").headers["cache-control"] == "no-cache"
    assert client.get("/").headers["x-content-type-options"] == "nosniff"


def test_a_changed_source_is_another_build(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The hash of the sources follows every file a page is made from, and not what was built."""
    monkeypatch.setattr(build, "SOURCES", tmp_path)
    monkeypatch.setattr(build, "PACKAGED", tmp_path / "_built")
    (tmp_path / "a.py").write_text("1")
    first = build.sources()
    (tmp_path / "_built").mkdir()
    (tmp_path / "_built" / "b.js").write_text("made")
    assert build.sources() == first
    (tmp_path / "a.py").write_text("2")
    assert build.sources() != first


def test_packaged_pages_are_served_without_building(
    in_pages: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A wheel that carries pages built from these very sources needs no build."""
    monkeypatch.setattr(build, "PACKAGED", tmp_path)
    (tmp_path / "build" / "client").mkdir(parents=True)
    (tmp_path / build.STAMP).write_text(build.sources())
    monkeypatch.setattr(build, "_run", lambda _: pytest.fail("it was built"))
    assert build.build() == tmp_path


def test_the_lock_names_no_registry() -> None:
    """The locked npm packages come from whichever registry the client is set to."""
    lock = (build.SOURCES / "reflex.lock" / "bun.lock").read_text()
    assert "https://" not in lock

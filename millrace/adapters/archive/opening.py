"""Opens files of data as text, and says how much of them is read."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from millrace.domain.errors import UseCaseError

Progress = Callable[[float], None]
"""Is told the share read so far, from 0 to 1."""

_REPORT_EVERY = 10_000
"""Lines between two reports of progress."""


class Meter:
    """Adds up what is read of all files."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._total = 0
        self._read = 0

    def expect(self, size: int) -> None:
        """Add a file that is to be read."""
        self._total += size

    def advance(self, size: int) -> None:
        """Add what was read."""
        self._read += size
        if self._progress and self._total:
            self._progress(min(self._read / self._total, 1.0))

    def finish(self) -> None:
        """Say that all is read."""
        if self._progress:
            self._progress(1.0)

    def metered(self, lines: Iterable[str]) -> Iterator[str]:
        """Yield lines, adding up their length."""
        read = 0
        for number, line in enumerate(lines):
            read += len(line)
            if number % _REPORT_EVERY == 0:
                self.advance(read)
                read = 0
            yield line
        self.advance(read)


@contextmanager
def opened(path: Path, encoding: str = "utf-8-sig") -> Iterator[IO[str]]:
    """Open a file as text; `.zip` and `.gz` are unpacked as they are read."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive, archive.open(_only_member(archive)) as member:
            yield io.TextIOWrapper(member, encoding, newline="")
    elif path.suffix == ".gz":
        with gzip.open(path, "rt", encoding=encoding, newline="") as text:
            yield text
    else:
        with path.open(encoding=encoding, newline="") as text:
            yield text


def _only_member(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """Return the one file of an archive; what macOS adds beside it does not count."""
    found = [it for it in archive.infolist() if not it.is_dir() and not it.filename.startswith("__MACOSX/")]
    if len(found) != 1:
        raise UseCaseError(f"{archive.filename} must hold exactly one file, it holds {[it.filename for it in found]}")
    return found[0]


def size(path: Path) -> int:
    """Return about how many bytes of text a file holds; a `.gz` says it in its last four bytes (RFC 1952)."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            return _only_member(archive).file_size
    if path.suffix == ".gz":
        return int.from_bytes(path.read_bytes()[-4:], "little")
    return path.stat().st_size

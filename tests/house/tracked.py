"""The files of the house: what git tracks, or would."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = ("millrace/", "producers/", "trainer/", "apps/")
_BINARY = {".png", ".jpg", ".ico", ".woff2", ".gz", ".zip", ".whl", ".pub"}


@cache
def tracked() -> tuple[str, ...]:
    """Return the paths git tracks, and new ones it does not ignore."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout.split("\0")
    return tuple(sorted({it for it in found if it and (ROOT / it).is_file()}))


def texts() -> Iterator[tuple[str, str]]:
    """Yield every tracked text file with its path."""
    for path in tracked():
        if Path(path).suffix not in _BINARY:
            yield path, (ROOT / path).read_text(errors="replace")


def modules(*under: str) -> Iterator[tuple[str, ast.Module]]:
    """Yield every Python module under some folders of the product, parsed."""
    for path in tracked():
        if path.endswith(".py") and path.startswith(under or PRODUCT):
            yield path, ast.parse((ROOT / path).read_text(), path)


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield the full name of everything a piece of code imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (it.name for it in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{it.name}" for it in node.names)

"""The piece of Millrace that a registered version carries, so that it loads where Millrace is not installed."""

from __future__ import annotations

import io
import sys
import zipfile
from functools import cache
from pathlib import Path

import millrace
from millrace.usecases import find, source_of

_FOLDERS = ("domain", "learning")
_FILES = ("__init__.py", "usecases/__init__.py", "usecases/_files.py", "runtime/__init__.py", "runtime/signing.py")
_SAME_TIME = (1980, 1, 1, 0, 0, 0)
"""The same content is the same bytes, whenever it was packed."""


def module_of(use_case: str) -> str:
    """Return the module that defines a use case."""
    return str(find(use_case).features.__module__)


@cache
def carried(use_case: str) -> bytes:
    """Return a zip that Python imports from: what answering needs, and of the use cases this one and what they share."""
    root = Path(millrace.__file__).parent
    files = {f"millrace/{name}": (root / name).read_bytes() for name in _FILES}
    for folder in _FOLDERS:
        for path in sorted((root / folder).glob("*.py")):
            files[f"millrace/{folder}/{path.name}"] = path.read_bytes()
    for path in sorted((root / "usecases").glob("_[!_]*.py")):
        files[f"millrace/usecases/{path.name}"] = path.read_bytes()
    files[module_of(use_case).replace(".", "/") + ".py"] = source_of(find(use_case)).encode()
    return _zip(files)


def _zip(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, _SAME_TIME), data, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def python_version() -> str:
    """Return the version of this Python, which a state's bits depend on."""
    return ".".join(str(number) for number in sys.version_info[:3])

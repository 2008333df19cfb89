"""Loads a use case from a file anywhere."""

from __future__ import annotations

import importlib.util
import sys
from hashlib import sha256
from pathlib import Path
from types import ModuleType

from millrace.domain.errors import UnknownUseCase, UseCaseError

TEXTS: dict[str, str] = {}
"""The text each module was made from: what is on disk may change while a process learns."""


def load_module(path: Path) -> ModuleType:
    """Return the module a file is; the same text under the same file name is one module, and only once.

    Raises `UnknownUseCase` when there is no such file, `UseCaseError` with the file's line when it does not run.
    """
    path = path.absolute()
    if not path.is_file():
        raise UnknownUseCase(f"there is no file {str(path)!r}")
    text = path.read_text(encoding="utf-8")
    name = module_name(path, text)
    if name not in sys.modules:
        sys.modules[name] = _run(name, path, text)
        TEXTS[name] = text
    return sys.modules[name]


def module_name(path: Path, text: str) -> str:
    """Return a module's name: by the file's name and content, so that a state finds its classes wherever the file lies."""
    return f"case_{path.stem.replace('-', '_')}_{sha256(text.encode()).hexdigest()[:12]}"


def _run(name: str, path: Path, text: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # while it runs, its own classes look their module up
    try:
        exec(compile(text, str(path), "exec", dont_inherit=True), vars(module))  # noqa: S102 - the user's own file
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, Exception):
            raise UseCaseError(f"{path}:{_line(error, path)}: {_said(error)}") from error
        raise
    return module


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, UseCaseError) else f"{type(error).__name__}: {error}"


def _line(error: Exception, path: Path) -> int:
    """Return the line of the file at which an error came up."""
    if isinstance(error, SyntaxError):
        return error.lineno or 1
    found, trace = 1, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            found = trace.tb_lineno
        trace = trace.tb_next
    return found

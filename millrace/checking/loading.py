"""Loads the file of a use case; whatever goes wrong is told with the line of the file it comes from."""

from __future__ import annotations

import importlib.util
import sys
from importlib.abc import Loader
from pathlib import Path
from types import ModuleType, TracebackType

from millrace.checking.findings import Finding, Flawed
from millrace.checking.places import Places
from millrace.domain.errors import MillraceError
from millrace.domain.usecase import AnyUseCase
from millrace.usecases import defined_in
from millrace.usecases._files import module_name


def load_file(path: Path) -> AnyUseCase:
    """Return the use case a file defines; raise `Flawed`, with the line, when none can be made from it."""
    path = path.resolve()
    if not path.is_file():
        raise Flawed(_finding("file", path, 1, f"there is no file {path.name!r}", "Give the path of a use case's file"))
    name = module_name(path, path.read_text(encoding="utf-8"))
    if name in sys.modules:
        return defined_in(sys.modules[name])
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        return _made(module, spec.loader, path)
    except Flawed:
        del sys.modules[name]
        raise


def _made(module: ModuleType, loader: Loader, path: Path) -> AnyUseCase:
    try:
        loader.exec_module(module)
    except SyntaxError as error:
        words = f"Python cannot read it: {error.msg}"
        raise Flawed(_finding("syntax", path, error.lineno or 1, words, "Correct the line")) from error
    except Exception as error:
        raise Flawed(_explained(error, path)) from error
    try:
        return defined_in(module)
    except MillraceError as error:
        do = "Keep one question to a file: my_case = UseCase(…)"
        raise Flawed(_finding("one-use-case", path, 1, str(error), do)) from error


def _explained(error: Exception, path: Path) -> Finding:
    first, last = _lines(error.__traceback__, path)
    places = Places(str(path), path.read_text(encoding="utf-8"))
    line = places.quoted(str(error), first, last)
    if isinstance(error, ModuleNotFoundError):
        do = f"Install it (pip install {(error.name or '').partition('.')[0]}) or correct the name"
        return _finding("import", path, first, f"it imports {error.name!r}, which is not installed", do)
    if isinstance(error, ImportError):
        return _finding("import", path, first, str(error), "Correct the name")
    if isinstance(error, MillraceError):
        return _finding("declaration", path, line, str(error), "Change the argument on this line")
    said = f"{type(error).__name__}: {error}"
    return _finding("declaration", path, line, said, _advice(error))


def _advice(error: Exception) -> str:
    if isinstance(error, TypeError) and "unseen" in str(error):
        return "Say what the profile is before anything was remembered, as in unseen=0.0"
    if isinstance(error, NameError):
        return "Import or define the name"
    return "Correct the line"


def _lines(trace: TracebackType | None, path: Path) -> tuple[int, int]:
    """Return the first and last line of the innermost statement of this file that raised."""
    found = (1, 1)
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename == str(path):
            first, last, _, _ = list(code.co_positions())[trace.tb_lasti // 2]
            found = (first or trace.tb_lineno, last or trace.tb_lineno)
        trace = trace.tb_next
    return found


def _finding(rule: str, path: Path, line: int, words: str, do: str) -> Finding:
    return Finding(rule=rule, file=str(path), line=line, words=words, do=do)

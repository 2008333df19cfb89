"""The text a use case is made of: its own file, and the modules of the same package or folder that it imports."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from millrace.usecases import _files


def texts_of(module: ModuleType) -> dict[str, str]:
    """Return the text of a module and of those it imports from its own package or folder, transitively, by module name.

    The module's own comes first, the others by name. Libraries are not among them: their versions are the environment's.
    """
    own = module.__name__
    found: dict[str, str] = {}
    waiting = [own]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = _text(module, name)
            waiting += [it for it in imported(found[name], _package(module, name)) if _is_near(module, it)]
    return {own: found.pop(own), **dict(sorted(found.items()))}


def imported(text: str, package: str) -> Iterator[str]:
    """Yield the names of what could be modules among a text's imports; `package` is what relative ones start from."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (it.name for it in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, package)
            yield base
            yield from (f"{base}.{it.name}" for it in node.names)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    up = package.rsplit(".", node.level - 1)[0] if node.level > 1 else package
    return f"{up}.{node.module}" if node.module else up


def _package(module: ModuleType, name: str) -> str:
    """Return what relative imports in a module start from."""
    file = _file(module, name)
    return name if file is not None and file.name == "__init__.py" else name.rpartition(".")[0]


def _is_near(module: ModuleType, name: str) -> bool:
    """Tell whether a name is that of a module of the use case's own package, or that lies beside its file."""
    return _file(module, name) is not None


def _file(module: ModuleType, name: str) -> Path | None:
    """Return the file of a module that is near; `None` for any other name."""
    if module.__name__ in _files.TEXTS:
        return _beside(Path(str(module.__file__)).parent, name)
    package = module.__package__
    if name != module.__name__ and not (package and name.startswith(f"{package}.")):
        return None
    return _found(name)


def _beside(folder: Path, name: str) -> Path | None:
    """Return the file below a folder that a name is imported from, if that is where Python finds it."""
    stem = folder.joinpath(*name.split("."))
    file = next((it for it in (stem.with_suffix(".py"), stem / "__init__.py") if name and it.is_file()), None)
    found = _found(name) if file is not None else None
    return file if file is not None and found is not None and found.resolve() == file.resolve() else None


def _found(name: str) -> Path | None:
    """Return the file Python takes a module from; a name inside a module is none."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    return Path(spec.origin) if spec is not None and spec.origin and spec.origin.endswith(".py") else None


def _text(module: ModuleType, name: str) -> str:
    """Return a module's text; its loader gives that of one that lies in an archive."""
    if name == module.__name__:
        return _files.TEXTS.get(name) or inspect.getsource(sys.modules[name])
    file = _file(module, name)
    if file is not None and file.is_file():
        return file.read_text(encoding="utf-8")
    loader: Any = getattr(importlib.util.find_spec(name), "loader", None)
    return str(loader.get_source(name))

"""Use cases: those that ship, one file each; those other packages bring; and a user's own files.

They are found, not registered: nothing else names one.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from functools import cache
from hashlib import sha256
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from millrace.domain.errors import UnknownUseCase
from millrace.domain.usecase import AnyUseCase, UseCase
from millrace.usecases import _files, _parts, _sources

ENTRY_POINTS = "millrace.usecases"
"""The group under which a package names its use cases: `my-case = "my_package.my_case"`."""

DEFAULT = "default"
"""Stands for the use case that is taken where none is named, where a name must be given."""

_from_files: dict[str, AnyUseCase] = {}
"""Use cases this process was given as files, by name."""


def names() -> list[str]:
    """Return the names of the use cases that ship or that an installed package brings, sorted.

    Modules are named as they are, with underscores. One whose name begins with an underscore is no use case: several
    share it.
    """
    return sorted({*_shipped(), *_brought()})


def is_known(name: str) -> bool:
    """Tell whether a name is `default`, or that of a use case that ships, that a package brings or that a known file has."""
    return name in _from_files or name == DEFAULT or name in names()


def find(name: str) -> AnyUseCase:
    """Return a use case by its name, by the path of its file, which ends in `.py`, or the one that `default` stands for.

    Afterwards this process knows one of a file by its name, too. Raises `UnknownUseCase`, naming those there are, and
    `UseCaseError` for a file that does not run.
    """
    if name.endswith(".py"):
        found = defined_in(_files.load_module(Path(name)))
        _from_files[found.name] = found
        return found
    if name in _from_files:
        return _from_files[name]
    if name == DEFAULT:
        return find(default())
    if name in _shipped():
        return defined_in(importlib.import_module(module_of(name)))
    if name in (brought := _brought()):
        return _loaded(brought[name])
    raise UnknownUseCase(
        f"there is no use case {name!r}; there are: {', '.join(names())}. A file of your own is given by its path, as in "
        f"./{name.replace('-', '_')}.py"
    )


def reference(name: str) -> str:
    """Return what finds a use case from any folder: its name, or the whole path of its file."""
    return str(Path(name).absolute()) if name.endswith(".py") else name


def default() -> str:
    """Return the name of the use case that is taken where none is named."""
    return next(name for name in sorted(_shipped()) if find(name).by_default)


def module_of(name: str) -> str:
    """Return the module a use case that ships is defined in."""
    return f"{__name__}.{name.replace('-', '_')}"


def _shipped() -> list[str]:
    found = (module.name for module in pkgutil.iter_modules(__path__))
    return [name.replace("_", "-") for name in found if not name.startswith("_")]


def _brought() -> dict[str, EntryPoint]:
    return {it.name: it for it in entry_points(group=ENTRY_POINTS)}


def _loaded(point: EntryPoint) -> AnyUseCase:
    found = point.load()
    return found if isinstance(found, UseCase) else defined_in(found)


def defined_in(module: object) -> AnyUseCase:
    """Return the one use case a module defines."""
    found = [it for it in vars(module).values() if isinstance(it, UseCase)]
    if len(found) != 1:
        raise UnknownUseCase(
            f"{getattr(module, '__name__', module)} must define exactly one UseCase, it defines {len(found)}"
        )
    return found[0]


def source_of(use_case: AnyUseCase) -> str:
    """Return the text of the file that defines a use case, as it was loaded."""
    module = use_case.features.__module__
    return _files.TEXTS.get(module) or inspect.getsource(sys.modules[module])


def beside(use_case: AnyUseCase) -> list[str]:
    """Return the names of the modules that a use case's file imports from its own package or folder."""
    _own, *others = _sources.texts_of(sys.modules[use_case.features.__module__])
    return others


@cache
def hash_of(use_case: AnyUseCase) -> str:
    """Return the SHA-256, in hex, of the file that defines a use case and of what it imports from beside it.

    A state is continued only by the text it is of: a change in a module that the file shares with others counts, too.
    """
    own, *others = _sources.texts_of(sys.modules[use_case.features.__module__]).items()
    whole = sha256(own[1].encode())
    for name, text in others:
        whole.update(f"\0{name}\0{text}".encode())
    return whole.hexdigest()


@cache
def parts_of(use_case: AnyUseCase) -> dict[str, str]:
    """Return a short hash of each part of a use case: what it is written as, and all it uses of its own modules.

    Parts are `features`, `event`, `label`, `task`, `seed`, `candidate NAME`, `profile NAME`, `baseline NAME`, …: equal
    hashes mean that the part is the same. Comments, docstrings and layout do not count.
    """
    return _parts.hashes(use_case, _sources.texts_of(sys.modules[use_case.features.__module__]))

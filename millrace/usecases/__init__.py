"""Use cases that ship, one file each. They are found, not registered: nothing else names one."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from functools import cache
from hashlib import sha256

from millrace.domain.errors import UnknownUseCase
from millrace.domain.usecase import AnyUseCase, UseCase


def names() -> list[str]:
    """Return the names of the use cases that ship, sorted. Modules are named as they are, with underscores.

    One whose name begins with an underscore is no use case: several share it.
    """
    found = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name.replace("_", "-") for name in found if not name.startswith("_"))


def find(name: str) -> AnyUseCase:
    """Return a use case by its name; raise `UnknownUseCase`, naming those there are."""
    if name not in names():
        raise UnknownUseCase(f"there is no use case {name!r}; there are: {', '.join(names())}")
    return defined_in(importlib.import_module(module_of(name)))


def default() -> str:
    """Return the name of the use case that is taken where none is named."""
    return next(name for name in names() if find(name).by_default)


def module_of(name: str) -> str:
    """Return the module a use case that ships is defined in."""
    return f"{__name__}.{name.replace('-', '_')}"


def defined_in(module: object) -> AnyUseCase:
    """Return the one use case a module defines."""
    found = [it for it in vars(module).values() if isinstance(it, UseCase)]
    if len(found) != 1:
        raise UnknownUseCase(
            f"{getattr(module, '__name__', module)} must define exactly one UseCase, it defines {len(found)}"
        )
    return found[0]


def source_of(use_case: AnyUseCase) -> str:
    """Return the text of the file that defines a use case."""
    return inspect.getsource(sys.modules[use_case.features.__module__])


@cache
def hash_of(use_case: AnyUseCase) -> str:
    """Return the SHA-256 of the file that defines a use case, in hex: a state is continued only by the file it is of."""
    return sha256(source_of(use_case).encode()).hexdigest()

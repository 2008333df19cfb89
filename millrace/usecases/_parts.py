"""The parts of a use case, each by a hash of what it is written as and of all it uses: what tells a change's reach."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from hashlib import sha256

from millrace.domain.profiles import Profile
from millrace.domain.usecase import AnyUseCase

Place = tuple[str, int]
"""A statement: its module, and its number in it."""

SINGLE = ("features", "task", "source", "simulator", "ledger_limit", "allowed_gap")
"""Arguments of `UseCase` that are a part each."""
SEVERAL = {"candidates": "candidate", "baselines": "baseline"}
"""Arguments of `UseCase` of which each entry is a part."""


def hashes(use_case: AnyUseCase, texts: Mapping[str, str]) -> dict[str, str]:
    """Return a short hash of each part; what cannot be told apart has that of everything, so that no change is missed."""
    found = _Written(texts)
    own = next(iter(texts))
    label = use_case.label
    parts = {name: found.argument(name) for name in SINGLE}
    parts["seed"] = _short(str(use_case.seed))
    parts["event"] = found.named(own, use_case.event.__name__)
    parts["label"] = found.named(own, label.__name__) if label else _short("")
    for argument, word in SEVERAL.items():
        parts |= {f"{word} {name}": found.argument(argument, name) for name in getattr(use_case, argument)}
    declared = {name: base for base in reversed(use_case.profiles.__mro__) for name in _declared(base)}
    return parts | {f"profile {name}": found.attribute(own, it.__name__, name) for name, it in declared.items()}


def _declared(base: type) -> list[str]:
    return [name for name, it in vars(base).items() if isinstance(it, Profile)]


class _Written:
    """The syntax of a use case's modules, asked for a part and all it uses."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._modules = {name: _without_docs(ast.parse(text)).body for name, text in texts.items()}
        self._own = next(iter(texts))
        self._bound = {name: dict(_bindings(body)) for name, body in self._modules.items()}
        self._all = _short(*(ast.dump(it) for body in self._modules.values() for it in body))
        calls = (it for it in ast.walk(ast.Module(self._modules[self._own], [])) if isinstance(it, ast.Call))
        self._call = next((it for it in calls if _called(it) == "UseCase"), None)

    def argument(self, name: str, key: str | None = None) -> str:
        """Return the hash of an argument of `UseCase`, or of one entry of the dict it is."""
        if self._call is None or any(it.arg is None for it in self._call.keywords):
            return self._all
        given = next((it.value for it in self._call.keywords if it.arg == name), None)
        if given is None:
            return _short("")
        if key is None:
            return self._closed(self._own, given)
        entry = _entry(given, key)
        return self._all if entry is None else self._closed(self._own, entry)

    def named(self, module: str, name: str) -> str:
        """Return the hash of what a module's own statement binds to a name."""
        places = self._places(module, name)
        return self._hash(None, places) if places else self._all

    def attribute(self, module: str, owner: str, name: str) -> str:
        """Return the hash of one attribute of a class."""
        for where, number in sorted(self._places(module, owner)):
            kind = self._modules[where][number]
            for it in kind.body if isinstance(kind, ast.ClassDef) and kind.name == owner else ():
                if isinstance(it, ast.Assign | ast.AnnAssign) and name in _targets(it):
                    return self._closed(where, it)
        return self._all

    def _closed(self, module: str, node: ast.AST) -> str:
        return self._hash(node, {place for name in _used(node) for place in self._places(module, name)})

    def _hash(self, node: ast.AST | None, waiting: set[Place]) -> str:
        """Return the hash of a piece of syntax, and of every statement that it uses, and these use."""
        met: set[Place] = set()
        waiting = set(waiting)
        while waiting:
            place = waiting.pop()
            if place not in met:
                met.add(place)
                waiting |= self._behind(place)
        texts = [ast.dump(self._modules[module][number]) for module, number in met]
        return _short("" if node is None else ast.dump(node), *sorted(texts))

    def _behind(self, place: Place) -> set[Place]:
        """Return the statements that a statement uses."""
        module, number = place
        it = self._modules[module][number]
        if isinstance(it, ast.Import | ast.ImportFrom):
            return self._imported(it)
        return {found for name in _used(it) for found in self._places(module, name)}

    def _places(self, module: str, name: str) -> set[Place]:
        """Return the statements that bind or change a name in a module."""
        bound = self._bound[module]
        return {(module, number) for number in (*bound.get(name, ()), *bound.get("*", ()))}  # `*` may bind any name

    def _imported(self, it: ast.Import | ast.ImportFrom) -> set[Place]:
        """Return all statements of the own modules that an import could mean: more than it uses, never less."""
        said = {alias.name for alias in it.names} | (
            {it.module} if isinstance(it, ast.ImportFrom) and it.module else set()
        )
        tails = {name.rpartition(".")[2] for name in said}
        meant = [name for name in self._modules if name != self._own and name.rpartition(".")[2] in tails]
        return {(name, number) for name in meant for number in range(len(self._modules[name]))}


def _bindings(body: list[ast.stmt]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield each name a module's statements bind, with the numbers of all statements that do."""
    found: dict[str, list[int]] = {}
    for number, it in enumerate(body):
        for name in _targets(it):
            found.setdefault(name, []).append(number)
    return iter((name, tuple(numbers)) for name, numbers in found.items())


def _targets(it: ast.stmt) -> set[str]:
    if isinstance(it, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {it.name}
    if isinstance(it, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).partition(".")[0] for alias in it.names}
    names = {node.id for node in ast.walk(it) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    inside = {node.name for node in ast.walk(it) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    return names | inside | _changed(it)


def _changed(it: ast.stmt) -> set[str]:
    """Return the names whose values a statement may change without binding them: by a call, an item, an attribute."""
    if isinstance(it, ast.Expr):
        return {node.id for node in ast.walk(it) if isinstance(node, ast.Name)}
    placed = (node for node in ast.walk(it) if isinstance(node, ast.Subscript | ast.Attribute))
    stored = (node for node in placed if isinstance(node.ctx, ast.Store))
    return {node.id for base in stored for node in ast.walk(base) if isinstance(node, ast.Name)}


def _used(node: ast.AST) -> set[str]:
    """Return the names a piece of syntax reads; what annotates an argument or a result does nothing, and is left out."""
    if isinstance(node, ast.Name):
        return {node.id}
    found: set[str] = set()
    for field, value in ast.iter_fields(node):
        skipped = (isinstance(node, ast.arg) and field == "annotation") or field == "returns"
        for it in () if skipped else value if isinstance(value, list) else [value]:
            found |= _used(it) if isinstance(it, ast.AST) else set()
    return found


def _entry(given: ast.expr, key: str) -> ast.expr | None:
    if not isinstance(given, ast.Dict):
        return None
    pairs = zip(given.keys, given.values, strict=True)
    return next((value for its, value in pairs if isinstance(its, ast.Constant) and its.value == key), None)


def _called(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def _without_docs(tree: ast.Module) -> ast.Module:
    """Return the tree without docstrings: they say, and do nothing."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and _has_doc(node.body):
            node.body = node.body[1:] or [ast.Pass()]
    return tree


def _has_doc(body: list[ast.stmt]) -> bool:
    first = body[0] if body else None
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)


def _short(*texts: str) -> str:
    return sha256("\0".join(texts).encode()).hexdigest()[:12]

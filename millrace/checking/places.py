"""Where things are in the file of a use case: a fault is told with its line."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

Function = ast.FunctionDef | ast.Lambda

_QUOTED = re.compile(r"""['"]([^'"]+)['"]""")


class Read(NamedTuple):
    """An attribute that a function reads of one of its arguments."""

    attribute: str
    line: int


class Places:
    """One file's syntax tree, asked by what its parts are called."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self.tree = ast.parse(text, path)

    def call(self) -> ast.Call | None:
        """Return the call that makes the use case."""
        return next((it for it in self._calls() if _called(it) == "UseCase"), None)

    def argument(self, name: str, of: str = "UseCase") -> int:
        """Return the line of a keyword argument of the first call of that name; else the call's, else 1."""
        for call in self._calls():
            if _called(call) == of:
                return next((it.value.lineno for it in call.keywords if it.arg == name), call.lineno)
        return 1

    def entry(self, argument: str, key: str) -> int:
        """Return the line of a key in a dict given to `UseCase` as an argument."""
        found = self.value(argument, key)
        return self.argument(argument) if found is None else found.lineno

    def value(self, argument: str, key: str) -> ast.expr | None:
        """Return the expression under a key in a dict given to `UseCase` as an argument."""
        given = self._given(argument)
        if not isinstance(given, ast.Dict):
            return None
        pairs = zip(given.keys, given.values, strict=True)
        return next((v for k, v in pairs if isinstance(k, ast.Constant) and k.value == key), None)

    def twice(self, argument: str) -> Iterator[tuple[str, int]]:
        """Yield the keys a dict given to `UseCase` has more than once, with the line of the later one."""
        given = self._given(argument)
        met: set[Any] = set()
        for key in given.keys if isinstance(given, ast.Dict) else ():
            if isinstance(key, ast.Constant):
                if key.value in met:
                    yield str(key.value), key.lineno
                met.add(key.value)

    def attribute(self, owner: str, name: str) -> int:
        """Return the line where a class declares an attribute; else the class's, else 1."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ClassDef) and node.name == owner:
                return next((it.lineno for it in node.body if name in _declared(it)), node.lineno)
        return 1

    def function(self, made: Callable[..., Any]) -> Function | None:
        """Return the node of a function or lambda of this file; `None` for another's, or when a line has several."""
        code = getattr(made, "__code__", None)
        if code is None or code.co_filename != self.path:
            return None
        names = list(code.co_varnames[: code.co_argcount])
        found = [
            it
            for it in ast.walk(self.tree)
            if isinstance(it, ast.FunctionDef | ast.Lambda)
            and _first_line(it) == code.co_firstlineno
            and [arg.arg for arg in it.args.args] == names
            and _matches(it, code.co_name)
        ]
        return found[0] if len(found) == 1 else None

    def line_of(self, made: Callable[..., Any]) -> int:
        """Return the line a function begins at, or 1."""
        code = getattr(made, "__code__", None)
        return code.co_firstlineno if code is not None and code.co_filename == self.path else 1

    def feature(self, features: Callable[..., Any], name: str) -> int:
        """Return the line on which `features` names a feature; else the function's."""
        node = self.function(features)
        found = [] if node is None else [it.lineno for it in ast.walk(node) if _is_text(it, name)]  # type: ignore[attr-defined]
        return found[0] if found else self.line_of(features)

    def quoted(self, message: str, first: int, last: int) -> int:
        """Return the line, among some, on which something stands that a message quotes; else the first of them."""
        words = _QUOTED.findall(message)
        for node in ast.walk(self.tree):
            line = getattr(node, "lineno", 0)
            if first <= line <= last and any(_is_text(node, word) for word in words):
                return int(line)
        return first

    def _given(self, argument: str) -> ast.expr | None:
        call = self.call()
        return None if call is None else next((it.value for it in call.keywords if it.arg == argument), None)

    def _calls(self) -> Iterator[ast.Call]:
        return (it for it in ast.walk(self.tree) if isinstance(it, ast.Call))


def reads(function: Function, position: int) -> list[Read]:
    """Return what a function reads of its argument at a position, in the order of the file."""
    arguments = function.args.args
    if position >= len(arguments):
        return []
    name = arguments[position].arg
    return [
        Read(it.attr, it.lineno)
        for it in ast.walk(function)
        if isinstance(it, ast.Attribute) and isinstance(it.value, ast.Name) and it.value.id == name
    ]


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _declared(node: ast.stmt) -> set[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return {it.id for it in targets if isinstance(it, ast.Name)}


def _first_line(node: Function) -> int:
    decorators = getattr(node, "decorator_list", [])
    return int(decorators[0].lineno if decorators else node.lineno)


def _matches(node: Function, name: str) -> bool:
    return name == ("<lambda>" if isinstance(node, ast.Lambda) else node.name)


def _is_text(node: ast.AST, text: str) -> bool:
    return isinstance(node, ast.Constant) and node.value == text

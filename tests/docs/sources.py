"""Public names as their source writes them: signature and docstring, from the syntax tree, the same in every Python."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator, Sequence
from functools import cache
from inspect import cleandoc
from pathlib import Path
from typing import NamedTuple

WIDTH = 100


class Named(NamedTuple):
    """A public name: how it is used, its docstring as Markdown, and of a class its public methods."""

    name: str
    signature: str
    words: str
    methods: Sequence[Named] = ()


@cache
def _tree(module: str) -> ast.Module:
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return ast.parse(Path(spec.origin).read_text(encoding="utf-8"))


def exported(package: str) -> dict[str, str]:
    """Return the names a package exports and the module that defines each."""
    imports = [it for it in _tree(package).body if isinstance(it, ast.ImportFrom)]
    return {name.name: it.module or "" for it in imports for name in it.names}


@cache
def of_module(module: str) -> dict[str, Named]:
    """Return what a module defines: classes, functions, and assigned names that have a docstring."""
    body = _tree(module).body
    found: dict[str, Named] = {}
    classes = {it.name: it for it in body if isinstance(it, ast.ClassDef)}
    for it, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(it, ast.ClassDef):
            found[it.name] = _class(it, classes)
        elif isinstance(it, ast.FunctionDef) and not _is_overload(it):
            found[it.name] = Named(it.name, _call(it.name, it), _words(it))
        elif isinstance(it, ast.Assign) and isinstance(it.targets[0], ast.Name):
            name = it.targets[0].id
            found[name] = Named(name, ast.unparse(it).replace("'", '"'), _string(after))
    return found


def _is_overload(it: ast.FunctionDef) -> bool:
    return any(ast.unparse(each) == "overload" for each in it.decorator_list)


def _class(it: ast.ClassDef, known: dict[str, ast.ClassDef]) -> Named:
    inits = [each for each in it.body if isinstance(each, ast.FunctionDef) and each.name == "__init__"]
    signature = _call(it.name, inits[0]) if inits else _fields(it, known)
    methods = [_method(each) for each in it.body if isinstance(each, ast.FunctionDef) and each.name[0] != "_"]
    return Named(it.name, signature, _words(it), methods)


def _method(it: ast.FunctionDef) -> Named:
    is_property = any(ast.unparse(each) == "property" for each in it.decorator_list)
    signature = f".{it.name}: {ast.unparse(it.returns)}" if is_property and it.returns else _call(f".{it.name}", it)
    return Named(it.name, signature, _words(it))


def _fields(it: ast.ClassDef, known: dict[str, ast.ClassDef]) -> str:
    said = list(_fields_of(it, known))
    only_names = any(word.arg == "kw_only" for base in _line(it, known) for word in base.keywords)
    return _wrapped(it.name, [*(["*"] if only_names and said else []), *said], "")


def _line(it: ast.ClassDef, known: dict[str, ast.ClassDef]) -> list[ast.ClassDef]:
    """Return a class after those of its module that it is made from."""
    bases = [known[ast.unparse(base)] for base in it.bases if ast.unparse(base) in known]
    return [*(each for base in bases for each in _line(base, known)), it]


def _fields_of(it: ast.ClassDef, known: dict[str, ast.ClassDef]) -> Iterator[str]:
    """Yield a struct's fields; those without a default first, as they are given."""
    fields = [each for base in _line(it, known) for each in base.body if isinstance(each, ast.AnnAssign)]
    for each in sorted(fields, key=lambda field: field.value is not None):
        yield ast.unparse(each)


def _call(name: str, it: ast.FunctionDef) -> str:
    arguments = ast.unparse(it.args)
    parts = [each for each in _split(arguments) if each != "self"]
    returns = f" -> {ast.unparse(it.returns)}" if it.returns and it.name != "__init__" else ""
    return _wrapped(name, parts, returns)


def _split(arguments: str) -> list[str]:
    """Split arguments at the commas that part them, not at those inside brackets."""
    parts, depth = [""], 0
    for letter in arguments:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return [_spaced(each.strip()) for each in parts if each.strip()]


def _spaced(argument: str) -> str:
    """Write an argument that has a type and a default as a formatter does."""
    before, equals, default = argument.partition("=")
    return f"{before} = {default}" if equals and ":" in before else argument


def _wrapped(name: str, parts: Sequence[str], after: str) -> str:
    parts = [each.replace("'", '"') for each in parts]
    line = f"{name}({', '.join(parts)}){after}"
    if len(line) <= WIDTH or name.startswith("."):
        return line
    return "\n".join([f"{name}(", *(f"    {each}," for each in parts), f"){after}"])


def _words(it: ast.ClassDef | ast.FunctionDef) -> str:
    return _markdown(ast.get_docstring(it) or "")


def _string(it: ast.stmt | None) -> str:
    if isinstance(it, ast.Expr) and isinstance(it.value, ast.Constant) and isinstance(it.value.value, str):
        return _markdown(cleandoc(it.value.value))
    return ""


def _markdown(text: str) -> str:
    """Return a docstring with its examples as blocks of code."""
    lines: list[str] = []
    inside = False
    for line in text.splitlines():
        begins = line.startswith(">>> ") and not inside
        ends = inside and not line.strip()
        lines += ["```pycon"] if begins else ["```"] if ends else []
        inside = (inside or begins) and not ends
        lines.append(line)
    return "\n".join([*lines, *(["```"] if inside else [])])

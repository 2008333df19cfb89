"""Rules that need no facts: what the file reads, names and declares."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import msgspec

from millrace.checking.findings import Finding, Level
from millrace.checking.places import Function, Places, Read, reads
from millrace.domain.profiles import ProfileSpec
from millrace.domain.tasks import Classification
from millrace.domain.usecase import AnyUseCase

CLOCKS = {"time", "datetime", "date"}
CHANCE = {"random", "secrets", "uuid"}
DOORS = {"os", "socket", "requests", "httpx", "urllib", "subprocess", "pathlib"}
NOW = {"now", "utcnow", "today", "time", "time_ns", "monotonic", "perf_counter"}


class Static:
    """The static rules over one use case and its file."""

    def __init__(self, use_case: AnyUseCase, places: Places) -> None:
        self._case = use_case
        self._places = places
        self._event = set(dir(use_case.event))
        label = use_case.label
        self._label = set(label.__struct_fields__) if label else set()

    def findings(self) -> Iterator[Finding]:
        """Yield what is wrong, as far as no facts are needed."""
        for argument in ("candidates", "baselines"):
            for name, line in self._places.twice(argument):
                words = f"{argument} has {name!r} twice, and Python keeps only the later"
                yield self._wrong("duplicate-name", line, words, "Give each a name of its own")
        yield from self._profiles()
        yield from self._functions()
        yield from self._purity()
        yield from self._label_type()
        yield from self._task()

    def _profiles(self) -> Iterator[Finding]:
        owner = self._case.profiles.__name__
        for name, spec in self._case.profiles.specs().items():
            line = self._places.attribute(owner, name)
            yield from self._by(name, spec, line)
            if isinstance(spec.value, str) and spec.value not in self._fields | self._label:
                words = f"profile {name!r} remembers {spec.value!r}, a field of neither {self._case.event.__name__} nor its label"
                yield self._wrong("unknown-field", line, words, f"Name one of: {_list(self._fields | self._label)}")
            for function in (it for it in (spec.value, spec.by) if callable(it)):
                yield from self._reads_event(self._places.function(function), f"profile {name!r}")

    def _by(self, name: str, spec: ProfileSpec, line: int) -> Iterator[Finding]:
        by = spec.by if isinstance(spec.by, tuple) else (spec.by,) if isinstance(spec.by, str) else ()
        for field in by:
            if field not in self._fields:
                what = (
                    "known only with the label" if field in self._label else f"no field of {self._case.event.__name__}"
                )
                words = f"profile {name!r} is kept by {field!r}, which is {what}"
                yield self._wrong("unknown-by", line, words, f"Keep it by one of: {_list(self._fields)}")

    def _functions(self) -> Iterator[Finding]:
        for what, function in self._readers():
            yield from self._reads_event(function, what)
            for it in [] if function is None else reads(function, 1):
                if not hasattr(self._case.profiles, it.attribute):
                    words = f"{what} reads {it.attribute!r}, no profile of {self._case.profiles.__name__}"
                    do = f"Declare it, or read one of: {_list(set(self._case.profiles.specs()))}"
                    yield self._wrong("unknown-profile", it.line, words, do)

    def _readers(self) -> Iterator[tuple[str, Function | None]]:
        yield "features()", self._places.function(self._case.features)
        for name in self._case.baselines:
            node = self._places.value("baselines", name)
            found = node if isinstance(node, ast.Lambda) else self._places.function(self._case.baselines[name])
            yield f"baseline {name!r}", found

    def _reads_event(self, function: Function | None, what: str) -> Iterator[Finding]:
        for it in [] if function is None else reads(function, 0):
            if it.attribute not in self._event:
                yield self._peeks(what, it) if it.attribute in self._label else self._unknown(what, it)

    def _peeks(self, what: str, it: Read) -> Finding:
        words = f"{what} reads {it.attribute!r} of an event, which only the label tells: that is peeking"
        do = "Use what is known when the event occurs, or remember past labels in a profile"
        return self._wrong("peeking", it.line, words, do)

    def _unknown(self, what: str, it: Read) -> Finding:
        words = f"{what} reads {it.attribute!r}, no field of {self._case.event.__name__}"
        return self._wrong("unknown-field", it.line, words, f"Read one of: {_list(self._fields)}")

    def _purity(self) -> Iterator[Finding]:
        """Look into `features` and the functions of the file that it calls."""
        met: set[str] = set()
        waiting = [self._places.function(self._case.features)]
        defined = {it.name: it for it in self._places.tree.body if isinstance(it, ast.FunctionDef)}
        while waiting:
            function = waiting.pop()
            for node in [] if function is None else ast.walk(function):
                if isinstance(node, ast.Name) and node.id in defined and node.id not in met:
                    met.add(node.id)
                    waiting.append(defined[node.id])
                yield from self._impure(node)

    def _impure(self, node: ast.AST) -> Iterator[Finding]:
        if isinstance(node, ast.Global | ast.Nonlocal):
            words = f"features() changes {_list(set(node.names))}, which outlives the event"
            yield self._wrong("impure", node.lineno, words, "Remember in a profile: it is kept in the state")
        if isinstance(node, ast.Call) and (world := _of_the_world(node)):
            words = f"features() asks {world}, so a rebuild would not give the same features"
            do = "Use the event's own fields (its time is occurred_at) and profiles"
            yield self._wrong("impure", node.lineno, words, do)

    def _label_type(self) -> Iterator[Finding]:
        kind = self._case.label
        if kind is None:
            return
        ids = _type_of(self._case.event, self._case.id_field), _type_of(kind, self._case.of_field)
        if ids[0] != ids[1]:
            words = (
                f"{kind.__name__}.{self._case.of_field} is {ids[1]}, and the id it names, "
                f"{self._case.event.__name__}.{self._case.id_field}, is {ids[0]}: no label would meet its event"
            )
            line = self._places.attribute(kind.__name__, self._case.of_field)
            yield self._wrong("label-type", line, words, "Give both the same type")

    def _task(self) -> Iterator[Finding]:
        task = self._case.task
        if task.truth is None:
            return
        if task.truth.if_missing == "negative" and not isinstance(task, Classification):
            words = "if_missing='negative' means nothing when a number is asked for"
            yield self._wrong("task", self._places.argument("if_missing", "Truth"), words, "Leave it out")
        if isinstance(task, Classification) and not 0 < task.act_at < 1:
            words = f"act_at is a probability from which one acts, not {task.act_at}"
            yield self._wrong("task", self._places.argument("act_at", "Classification"), words, "Say 0.8, for one")
        target = self._places.function(getattr(task, "target", None) or (lambda: None))
        for it in [] if target is None else reads(target, 0):
            if it.attribute not in dir(task.truth.label):
                words = f"the target reads {it.attribute!r}, no field of {task.truth.label.__name__}"
                yield self._wrong("unknown-field", it.line, words, f"Read one of: {_list(self._label)}")

    @property
    def _fields(self) -> set[str]:
        return set(self._case.event.__struct_fields__)

    def _wrong(self, rule: str, line: int, words: str, do: str, level: Level = "wrong") -> Finding:
        return Finding(rule=rule, file=self._places.path, line=line, words=words, do=do, level=level)


def _of_the_world(call: ast.Call) -> str | None:
    """Return what a call asks of the world (a clock, chance, the machine), or `None`."""
    dotted = ast.unparse(call.func)
    root, _, last = dotted.partition(".")[0], "", dotted.rpartition(".")[2]
    if root in CLOCKS and last in NOW:
        return f"the clock ({dotted})"
    if root in CHANCE:
        return f"chance ({dotted})"
    if root in DOORS or dotted in ("open", "input"):
        return f"the machine ({dotted})"
    return "Python's hash, which differs by process," if dotted in ("hash", "id") else None


def _type_of(kind: type[Any], field: str) -> str:
    info = msgspec.inspect.type_info(kind)
    assert isinstance(info, msgspec.inspect.StructType)
    its = next(it.type for it in info.fields if it.name == field)
    bare = its.type if isinstance(its, msgspec.inspect.Metadata) else its
    return type(bare).__name__.removesuffix("Type").lower()


def _list(names: set[str]) -> str:
    return ", ".join(sorted(names))

"""Rules of the house that no other tool checks."""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter

import pytest

from millrace import usecases
from millrace.runtime.telemetry import SPECS
from tests.house.tracked import PRODUCT, ROOT, imported, modules, texts, tracked

MOST_LINES = 300
LONGER_ON_PURPOSE: dict[str, str] = {}
"""Product files that may be longer, each with the reason. Reviewed; empty is best."""

LOCK_FILES = re.compile(r"(^|/)(requirements\.lock|reflex\.lock/.*|LICENSE)$")


@pytest.mark.parametrize("name", usecases.names())
def test_a_use_case_is_named_by_nothing_but_itself(name: str) -> None:
    """Use cases are found, not registered: a new one is one new file, and nothing else knows of it."""
    module = name.replace("-", "_")
    word = re.compile(rf"\b({re.escape(name)}|{re.escape(module)})\b")
    own = re.compile(rf"(millrace/usecases/{module}\.py|tests/.*|docs/.*|README\.md|CHANGELOG\.md)")
    assert [path for path, text in texts() if word.search(text) and not own.fullmatch(path)] == []


def test_no_file_of_the_product_is_longer_than_a_reader_bears() -> None:
    """A file has one reason to change; a long one has several."""
    lengths = {
        path: text.count("\n")
        for path, text in texts()
        if path.startswith((*PRODUCT, "observability/")) and path.endswith(".py")
    }
    too_long = {path: lines for path, lines in lengths.items() if lines > MOST_LINES and path not in LONGER_ON_PURPOSE}
    assert too_long == {}
    assert set(LONGER_ON_PURPOSE) <= set(lengths), "an exception for a file that is gone"


def test_every_metric_is_declared_once_and_in_the_catalogue() -> None:
    """A metric that is not in the catalogue cannot be checked against dashboards and alerts."""
    names = Counter(spec.name for spec in SPECS.values())
    assert [name for name, times in names.items() if times > 1] == []
    catalogue = "millrace/runtime/telemetry.py"
    makers = {"prometheus_client.Counter", "prometheus_client.Gauge", "prometheus_client.Histogram"}
    makers |= {"prometheus_client.Summary", "prometheus_client.Info", "prometheus_client.Enum"}
    assert [path for path, tree in modules() if path != catalogue and makers & set(imported(tree))] == []


def test_metrics_are_named_by_the_conventions() -> None:
    """Prometheus' own: a prefix, a unit in words, `_total` for what only grows, and no label with endless values."""
    endless = {"event_id", "state_id", "key", "offset", "path"}
    for spec in SPECS.values():
        assert re.fullmatch(r"millrace_[a-z][a-z0-9_]*[a-z0-9]", spec.name), spec.name
        assert spec.name.endswith("_total") == (spec.kind == "counter"), spec.name
        assert not endless & set(spec.labels), spec.name
        assert spec.help.endswith("."), spec.name


def test_the_words_need_nothing_but_the_standard_library_and_msgspec() -> None:
    """`domain` is the ground floor: it must be readable, and usable, without anything installed."""
    allowed = set(sys.stdlib_module_names) | {"msgspec", "millrace"}
    strangers = {
        f"{path} imports {name}"
        for path, tree in modules("millrace/domain/")
        for name in imported(tree)
        if name.split(".")[0] not in allowed
    }
    assert strangers == set()


DOORS = {"asyncio", "http", "httpx", "os", "pathlib", "random", "requests", "secrets", "shutil", "socket", "structlog"}
DOORS |= {"aiokafka", "obstore", "redis", "mlflow", "subprocess", "tempfile", "threading", "time", "urllib", "uuid"}


@pytest.mark.parametrize("floor", ["domain", "learning"])
def test_the_pure_floors_have_no_door_to_the_outside(floor: str) -> None:
    """No clock, chance, environment, disk or network: they come in as arguments, so a crash is an item in a list."""
    found = {
        f"{path} imports {name}"
        for path, tree in modules(f"millrace/{floor}/")
        for name in imported(tree)
        if name.split(".")[0] in DOORS
    }
    assert found == set()


def test_river_is_imported_when_a_model_is_built_and_not_before() -> None:
    """Its import takes seconds: pages, help texts and forms need a use case without its models."""
    early = {
        f"{path} imports {name}"
        for path, tree in modules("millrace/usecases/", "millrace/domain/")
        for statement in tree.body
        if isinstance(statement, ast.Import | ast.ImportFrom)
        for name in imported(statement)
        if name.split(".")[0] in {"river", "numpy"}
    }
    assert early == set()


HOSTS = [
    ".".join(parts)
    for parts in [
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("registry.npmjs", "org"),
        ("registry.yarnpkg", "com"),
        ("repo1.maven", "org"),
        ("repo.maven.apache", "org"),
        ("docker", "io"),
        ("ghcr", "io"),
        ("quay", "io"),
        ("conda.anaconda", "org"),
        ("deb.debian", "org"),
    ]
]
MACHINE_PATH = re.compile(r"(?<![\w.<$}*-])/(work|root|Users|home/(?!runner\b)[a-z]+)/\w")


def test_no_file_names_a_registry_or_a_path_of_somebodys_machine() -> None:
    """Where packages come from is a matter of the machine; a path of one is wrong on every other."""
    for path, text in texts():
        assert [host for host in HOSTS if host in text] == [], path
        assert MACHINE_PATH.findall(text) == [], path


def test_nothing_is_left_to_do() -> None:
    """What is missing is an issue, not a comment."""
    marks = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
    assert [path for path, text in texts() if marks.search(text) and not LOCK_FILES.search(path)] == []


def test_no_exception_is_swallowed() -> None:
    """Catch only what can be handled; a bare `pass` hides a dead part."""
    swallowed = {
        f"{path}:{node.lineno}"
        for path, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and _is_broad(node) and all(isinstance(it, ast.Pass) for it in node.body)
    }
    assert swallowed == set()


def _is_broad(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or (
        isinstance(handler.type, ast.Name) and handler.type.id in {"Exception", "BaseException"}
    )


def test_the_lock_pins_every_package_by_its_hashes_and_names_no_place() -> None:
    """The same bytes from any mirror (docs/adr/0001)."""
    text = (ROOT / "requirements.lock").read_text()
    pins = re.findall(r"^([a-z0-9][\w.-]*(?:\[[\w,-]+\])?)==\S+(.*(?:\n    .*)*)", text, re.MULTILINE)
    assert len(pins) > 100
    assert [name for name, rest in pins if "--hash=sha256:" not in rest] == []
    assert "://" not in text
    assert " @ " not in text


def test_every_floor_has_its_folder_of_tests() -> None:
    """One folder of tests a floor: a reader finds a rule where its code is."""
    for floor in (
        "domain",
        "usecases",
        "learning",
        "adapters",
        "runtime",
        "producers",
        "trainer",
        "api",
        "feed",
        "dashboard",
    ):
        assert any(path.startswith(f"tests/{floor}/test_") or f"tests/{floor}/" in path for path in tracked()), floor

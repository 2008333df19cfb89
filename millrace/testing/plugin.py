"""pytest plugin: every use case of a project is a test that runs `millrace check`.

In pytest's configuration, patterns from its root directory: `millrace_cases = cases/*.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from millrace.checking import Checked


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the setting that names the files."""
    parser.addini("millrace_cases", "files of use cases that `millrace check` must pass, as patterns", type="args")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Take a file that a pattern names; pytest offers those below its `testpaths`."""
    root = parent.config.rootpath
    patterns = parent.config.getini("millrace_cases")
    named = file_path.suffix == ".py" and any(file_path in root.glob(it) for it in patterns)
    return CaseFile.from_parent(parent, path=file_path) if named else None


class CaseFile(pytest.File):
    """A file that defines a use case."""

    def collect(self) -> Iterator[pytest.Item]:
        """Yield its one test."""
        yield CaseItem.from_parent(self, name="check")


class Faulty(Exception):
    """A use case that did not pass."""

    def __init__(self, checked: Checked) -> None:
        super().__init__("\n".join(str(it) for it in checked.findings if it.level == "wrong"))


class CaseItem(pytest.Item):
    """`millrace check` of one file."""

    def runtest(self) -> None:
        """Check it; fail with each fault and its line."""
        from millrace.checking import check

        checked = check(self.path)
        if not checked.passed:
            raise Faulty(checked)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show the faults alone: the way to them through our code is of no use to an author."""
        return str(excinfo.value) if isinstance(excinfo.value, Faulty) else super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Say what is tested."""
        return self.path, 0, f"millrace check {self.path.name}"

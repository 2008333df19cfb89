"""A use case is a file anywhere, or what a package brings: found by its path, by its name, in every process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from millrace.domain.errors import UnknownUseCase, UseCaseError
from millrace.usecases import find, hash_of, is_known, names, reference, source_of
from tests.cli.calling import millrace

CASE = '''"""How much will they tip?"""

from millrace import (
    Candidate, Event, Features, Files, Id, Key, Label, Model, Of, Profiles, Regression, Table, Truth, UseCase, decayed_mean,
)


class Bill(Event):
    bill: Id[str]
    waiter: Key[str]
    total: float


class Tip(Label):
    bill: Of[str]
    tip: float


class Seen(Profiles):
    waiter = decayed_mean(lambda b, t: t.tip, by="waiter", alpha=0.1, unseen=0.0)


def features(b: Bill, seen: Seen) -> Features:
    return {"total": b.total, "usual": seen.waiter}


def doubled(x):
    """River keeps it in the state by its name: the file must be found again when a state is loaded."""
    return {name: 2 * value for name, value in x.items()}


def linear() -> Model:
    from river import compose, linear_model, preprocessing

    return compose.FuncTransformer(doubled) | preprocessing.StandardScaler() | linear_model.LinearRegression()


tips = UseCase(
    "tips",
    "How much will they tip?",
    Bill,
    Seen,
    features=features,
    task=Regression(target=lambda t: t.tip, truth=Truth(label=Tip, patience="2h")),
    candidates={"linear": Candidate(linear)},
    baselines={"a tenth": lambda b, seen: b.total / 10},
    source=Files(
        events=Table("bills.csv", time="at"),
        labels=Table("bills.csv", time="at", after="1h"),
    ),
)
'''


@pytest.fixture
def case(tmp_path: Path) -> Path:
    path = tmp_path / "my_tips.py"
    path.write_text(CASE)
    lines = [
        f"{n},w{n % 3},{10 + n % 7},{1 + (n % 7) / 10},2026-03-01T{n // 60:02}:{n % 60:02}:00Z" for n in range(600)
    ]
    (tmp_path / "bills.csv").write_text(
        "\n".join(["bill,waiter,total,tip,at", *lines, "600,w1,oops,1,2026-03-01T11:00:00Z"])
    )
    return path


def test_it_is_found_by_its_path_and_then_by_its_name(case: Path) -> None:
    """Its hash covers its text; the same file is one use case however often it is found."""
    found = find(str(case))
    assert (found.name, source_of(found)) == ("tips", CASE)
    assert find(str(case)) is found
    assert find("tips") is found
    assert is_known("tips")
    assert is_known("default")
    assert "tips" not in names()


def test_what_it_was_made_from_is_what_counts(case: Path) -> None:
    """A file that is changed while a process learns does not change what its states say they are of."""
    found = find(str(case))
    case.write_text(CASE + "\n# changed\n")
    assert source_of(found) == CASE
    changed = find(str(case))
    assert changed is not found
    assert hash_of(changed) != hash_of(found)


def test_its_module_does_not_depend_on_where_it_lies(case: Path, tmp_path: Path) -> None:
    """A state that holds its functions is loaded where the file lies in another folder."""
    (tmp_path / "elsewhere").mkdir()
    moved = tmp_path / "elsewhere" / case.name
    moved.write_text(CASE)
    assert find(str(moved)).features.__module__ == find(str(case)).features.__module__


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\ny = = 2\n", r"my\.py:2: SyntaxError"),
        ("import no_such_thing\n", r"my\.py:1: ModuleNotFoundError: No module named 'no_such_thing'"),
        (
            "from millrace import Topic, decayed_mean\n\nd = decayed_mean('x', unseen=0.0)\n",
            r"my\.py:3: decayed_mean takes",
        ),
        ("x = 1\n", "must define exactly one UseCase"),
    ],
)
def test_a_file_that_does_not_run_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    """And leaves nothing behind: corrected, it is found."""
    (tmp_path / "my.py").write_text(text)
    with pytest.raises((UseCaseError, UnknownUseCase), match=said):
        find(str(tmp_path / "my.py"))
    (tmp_path / "my.py").write_text(CASE)
    assert find(str(tmp_path / "my.py")).name == "tips"


def test_a_name_that_nobody_has_is_told_how_a_file_is_given() -> None:
    """It names those there are."""
    with pytest.raises(UnknownUseCase, match=r"there are: .*its path, as in \./no_such\.py"):
        find("no-such")
    with pytest.raises(UnknownUseCase, match="there is no file"):
        find("no_such.py")


def test_it_is_rehearsed_by_its_path_alike_in_every_process(case: Path, tmp_path: Path) -> None:
    """By a whole path and by a relative one, two processes end in one state; a bad row is shown with its line."""
    runs = [millrace("rehearse", given, "--json", home=tmp_path) for given in (str(case), os.path.relpath(case))]
    reports = [json.loads(run.stdout) for run in runs]
    assert reports[0]["digest"] == reports[1]["digest"]
    assert (reports[0]["events"], reports[0]["labels"]) == (600, 600)
    assert "line 602: Expected `float`" in runs[0].stderr


def test_a_reference_finds_it_from_any_folder(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What child processes are told is the whole path; a name stays a name."""
    monkeypatch.chdir(case.parent)
    assert reference("my_tips.py") == str(case)
    assert reference("tips") == "tips"


def test_a_package_brings_use_cases_by_entry_point(case: Path, tmp_path: Path) -> None:
    """An installed package that names one in the group `millrace.usecases` has it found by that name."""
    (tmp_path / "their_tips.py").write_text(CASE)
    info = tmp_path / "theirs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[millrace.usecases]\ntips = their_tips\n")
    ask = "from millrace.usecases import find, names; print('tips' in names(), find('tips').features.__module__)"
    said = subprocess.run(
        [sys.executable, "-c", ask],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.split() == ["True", "their_tips"]

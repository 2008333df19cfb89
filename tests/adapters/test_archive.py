"""The archive: recorded files become facts, in the order they could be known."""

from __future__ import annotations

import gzip
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from millrace import Event, Fact, Id, Key, Label, MillraceError, Of, PackageFile, Recorded, Row
from millrace.adapters.archive.recorded import available_at, load, locate

START = datetime(2024, 5, 1, tzinfo=UTC)
TABLE = "parcel,minute,late\na,3,1\nb,1,2\nc,2,5\n"


class Sent(Event):
    parcel: Id[str]
    depot: Key[str]


class Arrived(Label):
    parcel: Of[str]
    late: float


def facts(files: Mapping[str, Iterable[Row]]) -> Iterator[Fact]:
    for row in files["parcels"]:
        at = START + timedelta(minutes=int(row["minute"]))
        yield Arrived(
            known_at=at + timedelta(minutes=float(row["late"])), parcel=row["parcel"], late=float(row["late"])
        )
        yield Sent(occurred_at=at, parcel=row["parcel"], depot="north")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package on the path that fails when it is imported."""
    folder = tmp_path / "parcels_of_2024"
    (folder / "data").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    return folder / "data"


def source(file: str) -> Recorded:
    return Recorded({"parcels": PackageFile("parcels_of_2024", f"data/{file}")}, facts)


def written(package: Path, text: str, form: str) -> Recorded:
    path = package / f"parcels.csv{form}"
    if form == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("parcels.csv", text)
            archive.writestr("__MACOSX/._parcels.csv", "noise")
    elif form == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return source(path.name)


@pytest.mark.parametrize("form", ["", ".zip", ".gz"])
def test_facts_come_by_availability_time_events_before_labels_at_the_same_moment(package: Path, form: str) -> None:
    """Whatever order a source yields, facts are replayed by the time they could be known."""
    found = [(type(it).__name__, getattr(it, "parcel", "")) for it in load(written(package, TABLE, form))]
    assert found == [
        ("Sent", "b"),
        ("Sent", "c"),
        ("Sent", "a"),
        ("Arrived", "b"),
        ("Arrived", "a"),
        ("Arrived", "c"),
    ]


def test_the_package_that_carries_the_data_is_never_imported(package: Path) -> None:
    """A data package may import half a world, or fail to: only its files are read."""
    load(written(package, TABLE, ""))
    assert "parcels_of_2024" not in sys.modules


def test_a_missing_package_is_named_with_the_command_that_installs_it() -> None:
    """The message is the remedy."""
    with pytest.raises(MillraceError, match="pip install nobody_wrote_this"):
        locate(PackageFile("nobody_wrote_this", "data.csv"))


def test_a_missing_file_is_named_with_what_is_there(package: Path) -> None:
    """A mistyped name is seen beside the right one."""
    written(package, TABLE, "")
    with pytest.raises(MillraceError, match=r"no file 'data/parcel\.csv'.*parcels\.csv"):
        load(source("parcel.csv"))


def test_a_ragged_line_is_named(package: Path) -> None:
    """A row that does not fit its header is not guessed at."""
    with pytest.raises(MillraceError, match=r"line 3 of parcels\.csv has 2 fields, its header has 3"):
        load(written(package, "parcel,minute,late\na,3,1\nb,1\n", ""))


def test_progress_goes_from_nothing_to_all(package: Path) -> None:
    """A caller can draw a bar: the share never falls and ends at 1."""
    told: list[float] = []
    load(written(package, TABLE, ".gz"), told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_availability_is_when_it_happened_or_became_known(package: Path) -> None:
    """Replay times are in order for every neighbour."""
    times = [available_at(fact) for fact in load(written(package, TABLE, ""))]
    assert times == sorted(times)

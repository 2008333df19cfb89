"""A user's files become facts in the order of time; nothing is lost silently."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from millrace import (
    Candidate,
    Event,
    Features,
    Files,
    Id,
    Key,
    Label,
    Of,
    Profiles,
    Regression,
    Side,
    Table,
    Time,
    Truth,
    UseCase,
    UseCaseError,
)
from millrace.adapters.archive.recorded import available_at
from millrace.adapters.archive.tables import load_replayed
from tests.trainer.world import linear


class Tip(Event):
    bill_id: Id[str]
    waiter: Key[str]
    total: float
    guests: int | None = None
    town: str | None = None


class Tipped(Label):
    bill_id: Of[str]
    tip: float


class Seen(Profiles):
    pass


def features(tip: Tip, seen: Seen) -> Features:
    return {"total": tip.total}


def case(folder: Path, **source: Any) -> UseCase[Tip, Seen, Tipped]:
    """Return a use case whose file lies in a folder."""
    module = sys.modules[__name__]
    home = ModuleType("lies_elsewhere")
    home.__file__ = str(folder / "case.py")
    sys.modules[home.__name__] = home

    def its(tip: Tip, seen: Seen) -> Features:
        return features(tip, seen)

    its.__module__ = home.__name__
    assert module
    return UseCase(
        "tips",
        "How much will they tip?",
        Tip,
        Seen,
        features=its,
        task=Regression(target=lambda t: t.tip, truth=Truth(label=Tipped, patience="2d")),
        candidates={"linear": Candidate(linear)},
        source=Files(**source),
    )


BILLS = """bill waiter   total guests when
1 ann  10.5  2   01.03.2026-13:00
3 bob  7     NA  01.03.2026-15:00
2 ann  20.0  4   01.03.2026-14:00
"""
TIPS = "bill,tip,paid\n2,3.5,1772373600\n1,1.0,1772370000\n3,,1772377200\n9,x,1772377200\n"
EVENTS: dict[str, Any] = {
    "separator": " ",
    "id": "bill",
    "time": Time("when", "%d.%m.%Y-%H:%M", zone="Europe/Berlin"),
}
LABELS: dict[str, Any] = {"of": "bill", "time": Time("paid", "s")}


def test_rows_parted_by_spaces_labels_in_a_second_file(tmp_path: Path) -> None:
    """Times have a pattern and a zone; rows are sorted; NA is nothing; labels come from another file by the id."""
    (tmp_path / "bills.txt").write_text(BILLS)
    (tmp_path / "tips.csv").write_text(TIPS)
    source = {"events": Table("bills.txt", **EVENTS), "labels": Table("tips.csv", **LABELS, drop=("tip",))}
    found, (bills, tips) = load_replayed(case(tmp_path, **source, bad_rows=0.3))
    assert [available_at(fact) for fact in found] == sorted(available_at(fact) for fact in found)
    events = [fact for fact in found if isinstance(fact, Tip)]
    assert [(it.bill_id, it.guests, it.occurred_at.hour) for it in events] == [
        ("1", 2, 12),
        ("2", 4, 13),
        ("3", None, 14),
    ]
    assert [it.tip for it in found if isinstance(it, Tipped)] == [1.0, 3.5]
    assert str(bills) == (
        "bills.txt: 3 events from 3 rows, 1 were not in the order of time and are sorted\n"
        "  line 4: its time 2026-03-01T13:00:00Z is before that of a row above, 2026-03-01T14:00:00Z"
    )
    assert (tips.rows, tips.facts, tips.bad, dict(tips.skipped)) == (4, 2, 1, {"without tip": 1})
    assert tips.examples == ["line 5: Expected `float`, got `str` - at `$.tip`"]


def test_unsorted_rows_can_be_refused(tmp_path: Path) -> None:
    """The line is named, and what to do."""
    (tmp_path / "bills.txt").write_text(BILLS)
    source = {"events": Table("bills.txt", **EVENTS), "labels": Table("bills.txt", **EVENTS, fields={"tip": "total"})}
    with pytest.raises(UseCaseError, match=r"not in the order of time(.|\n)*line 4"):
        load_replayed(case(tmp_path, **source, unsorted="refuse"))


def test_a_file_of_which_too_much_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """Above the share that may be bad there is an error with the first bad lines, not a thin result."""
    (tmp_path / "bills.txt").write_text(BILLS)
    (tmp_path / "tips.csv").write_text(TIPS)
    source = {"events": Table("bills.txt", **EVENTS), "labels": Table("tips.csv", **LABELS)}
    with pytest.raises(UseCaseError, match=r"at most 5% may be bad(.|\n)*line 4: (.|\n)*line 5: "):
        load_replayed(case(tmp_path, **source))


ROWS = [{"bill": n, "waiter": "ann", "total": n * 1.5, "guests": None, "town_id": n % 2, "tip": 2.0, "at": 1772370000 + n}
        for n in range(1, 5)]  # fmt: skip


def written(folder: Path, ending: str) -> str:
    name = f"rows.{ending}"
    if ending.startswith("jsonl"):
        import msgspec

        data = b"\n".join(map(msgspec.json.encode, ROWS))
        (folder / name).write_bytes(gzip.compress(data) if ending.endswith("gz") else data)
    elif ending == "parquet":
        import pyarrow as pa
        from pyarrow import parquet

        parquet.write_table(pa.Table.from_pylist(ROWS), folder / name)
    else:
        lines = [";".join(ROWS[0]), *(";".join("" if it is None else str(it) for it in row.values()) for row in ROWS)]
        (folder / name).write_text("\n".join(lines))
    return name


@pytest.mark.parametrize("ending", ["csv", "jsonl", "jsonl.gz", "parquet"])
def test_every_form_of_file_gives_the_same_facts(tmp_path: Path, ending: str) -> None:
    """CSV, JSON lines (packed or not) and Parquet; a side table is joined; the label is known an hour after its event."""
    (tmp_path / "towns.csv").write_text("no,name\n0,Ulm\n")
    name = written(tmp_path, ending)
    events = Table(
        name,
        separator=";",
        id="bill",
        time=Time("at", "s"),
        fields={"town": "place.name"},
        joined={"place": Side("towns.csv", on="town_id", by="no")},
    )
    labels = Table(
        name, separator=";", of="bill", time=Time("at", "s"), after="1h", where=lambda row: int(row["bill"]) > 1
    )
    heard: list[float] = []
    found, tallies = load_replayed(case(tmp_path, events=events, labels=labels), heard.append)
    assert [fact.bill_id for fact in found if isinstance(fact, Tip)] == ["1", "2", "3", "4"]
    assert [fact.town for fact in found if isinstance(fact, Tip)] == [None, "Ulm", None, "Ulm"]
    assert [fact.known_at.hour for fact in found if isinstance(fact, Tipped)] == [14, 14, 14]
    assert [dict(it.skipped) for it in tallies] == [{}, {"filtered": 1}]
    assert dict(tallies[0].unjoined) == {"place": 2}
    assert heard[-1] == 1.0


def test_a_file_without_a_header_has_its_columns_named(tmp_path: Path) -> None:
    """And a row's line can be its id."""
    (tmp_path / "bills.csv").write_text("ann,10,2026-03-01T12:00\nbob,11,2026-03-01T13:00\nbob,12\n")
    columns = ("waiter", "total", "at")
    events = Table("bills.csv", columns=columns, id="$line", time="at")
    labels = Table("bills.csv", columns=columns, of="$line", time="at", after="1h", fields={"tip": "total"})
    found, (bills, _) = load_replayed(case(tmp_path, events=events, labels=labels, bad_rows=0.4))
    assert [fact.bill_id for fact in found if isinstance(fact, Tip)] == ["1", "2"]
    assert bills.examples == ["line 3: it has 2 fields, the header has 3"]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With the folder its path is taken from."""
    with pytest.raises(UseCaseError, match="there is no file"):
        load_replayed(case(tmp_path, events=Table("nothing.csv"), labels=Table("nothing.csv")))


def test_a_name_that_comes_twice_in_a_header_hides_no_column(tmp_path: Path) -> None:
    """The second is reached by a number."""
    (tmp_path / "bills.csv").write_text("bill_id,waiter,total,total,at\n1,Ann,10,2,2024-01-01\n")
    events = Table("bills.csv", time="at")
    labels = Table("bills.csv", of="bill_id", time="at", fields={"tip": "total.1"})
    event, label = load_replayed(case(tmp_path, events=events, labels=labels)).facts
    assert isinstance(event, Tip)
    assert isinstance(label, Tipped)
    assert (event.total, label.tip) == (10.0, 2.0)


def test_times_no_clock_gives_are_refused_with_the_way_out(tmp_path: Path) -> None:
    """The learner would take them for a broken clock: told when the file is read, and mended with `after`."""
    (tmp_path / "bills.csv").write_text("bill_id,waiter,total,at\n1,Ann,10,1951-01-01\n")
    labels = Table("bills.csv", of="bill_id", time="at", fields={"tip": "total"}, after="20454d")
    with pytest.raises(UseCaseError, match=r"1951-01-01T00:00:00Z is not between 1980-.*after='20454d'"):
        load_replayed(case(tmp_path, events=Table("bills.csv", time="at"), labels=labels))
    moved = load_replayed(case(tmp_path, events=Table("bills.csv", time="at", after="20454d"), labels=labels)).facts
    assert [it.occurred_at.isoformat() for it in moved if isinstance(it, Event)] == ["2007-01-01T00:00:00+00:00"]


def test_a_time_may_stand_in_several_columns(tmp_path: Path) -> None:
    """A function of the row puts it together."""
    (tmp_path / "bills.csv").write_text("bill_id,waiter,total,year,month\n1,Ann,10,2024,3\n")
    time = Time(lambda row: f"{row['year']} {row['month']}", "%Y %m")
    labels = Table("bills.csv", of="bill_id", time=time, fields={"tip": "total"}, after="1h")
    facts = load_replayed(case(tmp_path, events=Table("bills.csv", time=time), labels=labels)).facts
    assert [it.occurred_at.isoformat() for it in facts if isinstance(it, Event)] == ["2024-03-01T00:00:00+00:00"]

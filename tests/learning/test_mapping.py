"""Somebody else's records and rows become events and labels, or say why they do not."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from millrace import (
    Debezium,
    Event,
    Id,
    Json,
    JsonSchema,
    Key,
    Label,
    Money,
    Of,
    Table,
    Time,
    Topic,
    Topics,
    UseCaseError,
)
from millrace.domain.log import Record
from millrace.learning.decoding import Decoding
from millrace.learning.intake import Intake
from millrace.learning.mapping import Mapper, moment_at
from millrace.learning.outcomes import Skipped, Unreadable
from tests.trainer.world import parcels


class Order(Event):
    order_id: Id[str]
    customer: Key[str]
    amount: Money
    express: bool = False
    note: str | None = None


class Closed(Label):
    order_id: Of[str]
    late: float | None = None


NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("time", "written"),
    [
        (Time("at"), "2026-03-01T12:00:00Z"),
        (Time("at"), "2026-03-01 13:00:00+01:00"),
        (Time("at", zone="Europe/Berlin"), "2026-03-01T13:00:00"),
        (Time("at", "s"), 1772366400),
        (Time("at", "ms"), 1772366400000),
        (Time("at", "us"), "1772366400000000"),
        (Time("at", "ns"), 1772366400000000000),
        (Time("at", "s"), 1772366400.0),
        (Time("at", "%d.%m.%Y %H:%M", zone="Europe/Berlin"), "01.03.2026 13:00"),
        (Time("at", "%Y%m%d%H"), 2026030112),
        (Time("at", "ms"), datetime(2026, 3, 1, 12, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_as_it_is_written(time: Time, written: object) -> None:
    """Epochs in any unit, ISO and patterns, with a zone for those that name none, give the same moment in UTC."""
    found = moment_at(time)({"at": written})
    assert found == NOON
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    ("time", "written", "said"),
    [
        (Time("at"), None, "there is no time at 'at'"),
        (Time("at"), 1772366400, "say how it is written"),
        (Time("at", "ms"), "noon", "no number of ms since 1970"),
        (Time("at", "%d.%m.%Y"), "2026-03-01", "does not match format"),
    ],
)
def test_a_time_that_does_not_read_says_what_it_should_look_like(time: Time, written: object, said: str) -> None:
    """The reason names the path and the value."""
    with pytest.raises(ValueError, match=said):
        moment_at(time)({"at": written})


def mapped(**changes: Any) -> Mapper:
    told: dict[str, Any] = {"id": "order.id", "key": "buyer", "time": Time("at", "ms"), "fields": {"amount": "sum"}}
    return Mapper(Order, Topic("orders", **{**told, **changes}))


ROW: dict[str, Any] = {"order": {"id": 17}, "buyer": "ann", "at": 1772366400000, "sum": "12.5"}


def test_a_row_becomes_an_event_by_its_paths() -> None:
    """Paths reach into objects; a number that is a name is taken as its digits; a text that is a number as the number."""
    assert mapped().read(ROW) == Order(occurred_at=NOON, order_id="17", customer="ann", amount=12.5)


def test_a_field_may_be_a_function_of_the_row() -> None:
    """What no path reaches (a key made of two fields, a comma for a point) is computed."""
    read = mapped(key=lambda row: f"{row['buyer']}/{row['order']['id']}", fields={"amount": lambda row: 2})
    found = read.read(ROW)
    assert isinstance(found, Order)
    assert (found.customer, found.amount) == ("ann/17", 2)


def test_a_decimal_is_a_number() -> None:
    """Avro's decimals are taken as they are."""
    found = mapped().read({**ROW, "sum": Decimal("3.25")})
    assert isinstance(found, Order)
    assert found.amount == 3.25


def test_what_the_filter_drops_is_passed_over_and_still_moves_time() -> None:
    """A row that does not count is no fault; its time is the stream's all the same."""
    assert mapped(where=lambda row: row["buyer"] != "ann").read(ROW) == Skipped("filtered", 1772366400000000)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({**ROW, "sum": "much"}, "Expected `float`"),
        ({"order": {"id": 17}, "at": 1772366400000, "sum": 1}, "customer"),
        ({**ROW, "at": None}, "there is no time"),
    ],
)
def test_a_row_that_does_not_fit_says_why(row: dict[str, Any], said: str) -> None:
    """A wrong value, a field that is missing, no time: each is named."""
    found = mapped().read(row)
    assert isinstance(found, Unreadable)
    assert said in found.detail


def test_a_filter_that_raises_is_told() -> None:
    """An author's function may raise: the record is a dead letter that says so."""
    found = mapped(where=lambda row: row["nothing"]).read(ROW)
    assert isinstance(found, Unreadable)
    assert "KeyError: 'nothing'" in found.detail


def test_missing_values_are_kept_filled_or_dropped() -> None:
    """In a table NA is nothing: a field stays at its default, is filled, or its row is left out and counted."""
    row = {"order_id": "1", "customer": "NA", "amount": "1", "note": "NA", "occurred_at": "2026-03-01T12:00:00Z"}
    kept = Mapper(Order, Table("x.csv", fill={"customer": "nobody"})).read(row)
    assert kept == Order(occurred_at=NOON, order_id="1", customer="nobody", amount=1.0)
    assert Mapper(Order, Table("x.csv", drop=("note",))).read(row) == Skipped("without note", 1772366400000000)


def record(value: Any, topic: str = "db.orders", key: bytes | None = b"ann") -> Record:
    return Record(topic, 0, 0, 1772366400123, key, None if value is None else msgspec.json.encode(value))


def decoding(**topics: Topic) -> Decoding:
    class Case:
        event, label = Order, Closed

    return Decoding(Case, Topics(**topics))  # type: ignore[arg-type]


CDC = decoding(
    events=Topic("db.orders", envelope=Debezium("cr"), id="id", key="$key", fields={"amount": "total"}),
    labels=Topic(
        "db.orders",
        envelope=Debezium("u"),
        of="id",
        fields={"late": "minutes_late"},
        where=lambda row: row["status"] == "done" and row["$before"]["status"] != "done",
    ),
)


def change(op: str, before: Any, after: Any, wrapped: bool = False) -> Record:
    payload = {"op": op, "before": before, "after": after, "source": {"ts_ms": 1772366400000}, "ts_ms": 1772366400500}
    return record({"schema": {"type": "struct"}, "payload": payload} if wrapped else payload)


NEW = {"id": 9, "total": 5, "status": "open", "minutes_late": None}


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_row_that_is_made_is_an_event_and_a_later_change_its_label(wrapped: bool) -> None:
    """Debezium's envelope is opened with and without its schema; the time is the database's; before and after are seen."""
    event = CDC.read(change("c", None, NEW, wrapped))
    assert event == Order(occurred_at=NOON, order_id="9", customer="ann", amount=5.0)
    done = {**NEW, "status": "done", "minutes_late": 3.0}
    assert CDC.read(change("u", NEW, done, wrapped)) == Closed(known_at=NOON, order_id="9", late=3.0)


def test_changes_that_do_not_count_are_passed_over() -> None:
    """Deletes, tombstones and changes of no interest are counted, not dead letters."""
    assert CDC.read(change("d", NEW, None)) == Skipped("op d", 1772366400000000)
    assert CDC.read(change("u", NEW, {**NEW, "total": 6})) == Skipped("filtered", 1772366400000000)
    assert CDC.read(record(None)) == Skipped("tombstone")


@pytest.mark.parametrize(
    ("value", "said"),
    [({"id": 1}, "no field 'op'"), ({"op": "c", "after": None}, "without the row"), ([1], "no field")],
)
def test_what_is_no_change_event_says_so(value: Any, said: str) -> None:
    """Its dead letter has the reason."""
    found = CDC.read(record(value))
    assert isinstance(found, Unreadable)
    assert said in found.detail


def test_kafkas_own_time_can_be_the_time() -> None:
    """`$timestamp` is the record's, in milliseconds."""
    found = decoding(events=Topic("t", time=Time("$timestamp", "ms"), key="$key")).read(
        record({"order_id": "1", "amount": 1}, "t")
    )
    assert isinstance(found, Order)
    assert found.occurred_at.microsecond == 123000


def test_json_schema_has_a_header_before_its_json() -> None:
    """The zero byte and the schema's id are taken off; a value without them is told."""
    reader = decoding(events=Topic("t", format=JsonSchema(), time="at"))
    body = b'{"order_id":"1","customer":"c","amount":1,"at":"2026-03-01T12:00:00Z"}'
    assert isinstance(reader.read(Record("t", 0, 0, 0, None, b"\0\0\0\0\7" + body)), Order)
    bare = reader.read(Record("t", 0, 0, 0, None, body))
    assert isinstance(bare, Unreadable)
    assert "names no schema" in bare.detail


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (Topics(events=Topic("t")), "its source has no labels: say labels=Topic"),
        (Topics(events=Topic("t", fields={"dpot": "x"}), labels=Topic("l")), "'dpot'.*is depot meant"),
        (Topics(events=Topic("t", time=Time("at", "millis")), labels=Topic("l")), "none of iso, s, ms, us, ns"),
        (Topics(events=Topic("t", time=Time("at", zone="Mars")), labels=Topic("l")), "no time zone 'Mars'"),
        (Topics(events=Topic("t", format=JsonSchema()), labels=Topic("t", format=Json())), "is read as"),
    ],
)
def test_a_source_that_does_not_fit_is_refused_when_it_is_written(source: Topics, said: str) -> None:
    """An unknown field, form or zone, a missing label: the author hears at once, with what is meant."""
    from millrace import UseCase

    with pytest.raises(UseCaseError, match=said):
        UseCase(
            "parcels",
            parcels.question,
            parcels.event,
            parcels.profiles,
            features=parcels.features,
            task=parcels.task,
            candidates=parcels.candidates,
            source=source,
        )


def test_a_partition_of_which_nothing_counts_lets_time_pass() -> None:
    """However many records are passed over, others are not held back by them."""
    from millrace.domain.log import TopicPartition
    from millrace.learning.intake import Arrival, Clock

    where = TopicPartition("t", 0)
    none = [Arrival(0, "t", 0, n, Skipped("tombstone"), record(None)) for n in range(10)]
    intake = Intake(parcels)
    clocks = {where: Clock(5_000)}
    frontier = intake.frontier({where: none}, [where], clocks)
    assert frontier == 5_001
    assert intake.choose({where: none}, clocks, frontier, 100) == {where: 10}

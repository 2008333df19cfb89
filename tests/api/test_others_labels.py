"""The truth of events is shown whoever writes the labels, and in whatever form."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import fastavro
import msgspec

from apps.api.board import Board
from millrace import Avro, Debezium, Time, Topic, Topics
from millrace.adapters.checkpoints.memory import MemoryStore
from millrace.adapters.schemas.registry import Fetched
from millrace.adapters.schemas.table import SchemaTable
from millrace.domain.log import Record, TopicPartition
from millrace.domain.records import Prediction
from millrace.domain.usecase import AnyUseCase
from tests.trainer.world import parcels, with_source


def mapped(labels: Topic) -> AnyUseCase:
    return with_source(parcels, Topics(events=Topic("theirs"), labels=labels))


def board_of(use_case: AnyUseCase, schemas: SchemaTable | None = None) -> Board:
    board = Board(use_case, predictions=10, scorecards=16, labels=10, alarms=10, schemas=schemas)
    at = datetime(2026, 3, 1, tzinfo=UTC)
    made = Prediction(
        event_id="p1", key="d", occurred_at=at, state_id="parcels.0.1.1", champion="linear", value=1.0, by_candidate={}
    )
    board.take(Record(use_case.topic("predictions"), 0, 0, 0, None, msgspec.json.encode(made)))
    return board


def truth(board: Board) -> Any:
    return board.predictions(1)[0].truth


def test_a_change_of_a_row_is_a_truth() -> None:
    """A label that is derived from a change event is shown with its prediction; other changes are passed over."""
    labels = Topic("db.parcels", envelope=Debezium("u"), of="id", fields={"minutes_late": "late"})
    board = board_of(mapped(labels))
    change = {"op": "c", "after": {"id": "p1", "late": 1}, "source": {"ts_ms": 1772323200000}}
    board.take(Record("db.parcels", 0, 0, 0, None, msgspec.json.encode(change)))
    assert truth(board) is None
    board.take(Record("db.parcels", 0, 1, 0, None, msgspec.json.encode({**change, "op": "u"})))
    assert truth(board) == 1.0


async def test_avro_is_read_with_what_the_trainer_kept() -> None:
    """Who looks on asks no registry: a label of a schema that is not kept yet is passed over, later ones are shown."""
    schema = {"type": "record", "name": "L", "fields": [{"name": n, "type": t} for n, t in FIELDS.items()]}
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), {"id": "p1", "late": 7.0, "at": 1772323200000})
    record = Record("theirs.late", 0, 0, 0, None, b"\0\0\0\0\5" + out.getvalue())
    labels = Topic("theirs.late", format=Avro(), of="id", time=Time("at", "ms"), fields={"minutes_late": "late"})
    use_case, store = mapped(labels), MemoryStore()
    schemas = SchemaTable(use_case, store, None)
    board = board_of(use_case, schemas)

    assert not await schemas.explain({TopicPartition("theirs.late", 0): [record]})
    board.take(record)
    assert truth(board) is None
    kept = Fetched("AVRO", msgspec.json.encode(schema).decode())
    await store.put("parcels/schemas/5.json", msgspec.json.encode(kept))
    assert await schemas.explain({TopicPartition("theirs.late", 0): [record]})
    board.take(record)
    assert truth(board) == 7.0


FIELDS = {"id": "string", "late": "double", "at": "long"}

"""What Avro has types for arrives as the fields of an event can take it."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any
from uuid import UUID

import fastavro
import msgspec

from millrace import Event, Id, Key
from millrace.adapters.schemas.avro import avro_reader
from millrace.adapters.schemas.registry import Fetched
from millrace.domain.sources import Time, Topic
from millrace.learning.mapping import Mapper

ID = UUID("754e216d-b1da-4c48-8f13-5c55f4467c5b")
SCHEMA = {
    "type": "record",
    "name": "Order",
    "fields": [
        {"name": "id", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "buyer", "type": ["null", {"type": "string", "logicalType": "uuid"}]},
        {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    ],
}


class Order(Event):
    id: Id[str]
    buyer: Key[str]
    price: float


def test_uuids_are_texts_and_decimals_numbers() -> None:
    """An id is a text wherever it comes from, and an amount can be learnt from."""
    row: dict[str, Any] = {"id": ID, "buyer": ID, "price": Decimal("12.50"), "at": 1_772_349_000_000_000}
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(SCHEMA), row)
    read = avro_reader(Fetched("AVRO", msgspec.json.encode(SCHEMA).decode()))(out.getvalue())
    order = Mapper(Order, Topic("orders", time=Time("at"))).read(read)
    assert isinstance(order, Order), order
    assert (order.id, order.buyer, order.price) == (str(ID), str(ID), 12.5)

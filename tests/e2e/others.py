"""Topics as others write them: with the real client libraries, in formats of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
from confluent_kafka import Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2
from google.protobuf.timestamp_pb2 import Timestamp

from millrace.adapters.bus.kafka import KafkaBus
from millrace.domain.times import micros
from millrace.domain.usecase import Fact
from tests.registry import Registry
from tests.trainer.world import Delivered, Parcel

PARCELS, DELIVERIES, TABLE = "shop.a-parcels", "shop.b-deliveries", "db.public.parcels"
Record = tuple[str, str, bytes | None]
"""Topic, key, value."""


class Log(NamedTuple):
    """A log: its address, what makes a client of it, whether it is the embedded one."""

    address: str
    bus: Callable[[], KafkaBus]
    embedded: bool


def client(schemas: Registry) -> SchemaRegistryClient:
    return SchemaRegistryClient({"url": schemas.url, "basic.auth.user.info": "reader:secret"})


def produce(log: Log, records: Sequence[Record]) -> None:
    """Write as others do: with librdkafka, keys spread as Java's clients spread them."""
    producer = Producer({"bootstrap.servers": log.address, "partitioner": "murmur2_random", "linger.ms": 20})
    for topic, key, value in records:
        producer.produce(topic, value, key)
        producer.poll(0)
    assert producer.flush(30) == 0


def milli(fact: Fact) -> int:
    return micros(fact.occurred_at if isinstance(fact, Parcel) else fact.known_at) // 1000  # type: ignore[union-attr]


PARCEL_V1 = """{"type": "record", "name": "Parcel", "namespace": "shop", "fields": [
    {"name": "no", "type": "long"},
    {"name": "depot", "type": {"type": "record", "name": "Depot", "fields": [{"name": "code", "type": "string"}]}},
    {"name": "km", "type": ["null", "double"], "default": null},
    {"name": "left_at", "type": {"type": "long", "logicalType": "timestamp-millis"}}]}"""
PARCEL_V2 = PARCEL_V1[:-2] + ', {"name": "fragile", "type": "boolean", "default": false}]}'
DELIVERY = """{"type": "record", "name": "Delivery", "namespace": "shop", "fields": [
    {"name": "parcel", "type": "string"}, {"name": "late", "type": "double"}, {"name": "at", "type": "long"}]}"""


def in_avro(stream: Sequence[Fact], schemas: Registry, parcel: str) -> list[Record]:
    known = client(schemas)
    write = {PARCELS: AvroSerializer(known, parcel), "shop.b-deliveries": AvroSerializer(known, DELIVERY)}
    found: list[Record] = []
    for it in stream:
        topic, row = avro_row(it)
        found.append((topic, it.depot, write[topic](row, SerializationContext(topic, MessageField.VALUE))))
    return found


def avro_row(it: Any) -> tuple[str, dict[str, Any]]:
    if isinstance(it, Parcel):
        row = {"no": int(it.parcel_id[1:]), "depot": {"code": it.depot}, "km": it.distance, "left_at": milli(it)}
        return "shop.a-parcels", {**row, "fragile": False}
    return "shop.b-deliveries", {"parcel": it.parcel_id, "late": it.minutes_late, "at": milli(it)}


def in_debezium(stream: Sequence[Fact]) -> list[Record]:
    """Return changes of a table's rows as Debezium's JSON converter writes them, its schema beside each."""
    rows: dict[str, dict[str, Any]] = {}
    found: list[Record] = []
    for it in stream:
        if isinstance(it, Parcel):
            after = {"parcel": it.parcel_id, "depot": it.depot, "km": it.distance, "status": "open", "late": None}
            found.append(change("c", None, after, milli(it)))
        else:
            assert isinstance(it, Delivered)
            before = rows[it.parcel_id]
            after = {**before, "status": "delivered", "late": it.minutes_late}
            found.append(change("u", before, after, milli(it)))
        rows[it.parcel_id] = after
    return found


def change(op: str, before: Any, after: Any, at: int) -> Record:
    source = {"version": "3.0.0.Final", "connector": "postgresql", "ts_ms": at, "table": "parcels"}
    payload = {"before": before, "after": after, "source": source, "op": op, "ts_ms": at + 40}
    schema = {"type": "struct", "name": "db.public.parcels.Envelope", "fields": []}
    value = msgspec.json.encode({"schema": schema, "payload": payload})
    return "db.public.parcels", (after or before)["depot"], value


def messages() -> tuple[Any, Any]:
    """Return the classes that protoc would make of a file with two messages, one with another inside it."""
    file = descriptor_pb2.FileDescriptorProto(
        name="shop.proto", package="shop", syntax="proto3", dependency=["google/protobuf/timestamp.proto"]
    )
    field = descriptor_pb2.FieldDescriptorProto

    def add(message: Any, name: str, number: int, kind: int, type_name: str = "") -> None:
        made = message.field.add(name=name, number=number, type=kind, label=field.LABEL_OPTIONAL)
        if type_name:
            made.type_name = type_name

    parcel, delivery = file.message_type.add(name="Parcel"), file.message_type.add(name="Delivery")
    add(parcel.nested_type.add(name="Depot"), "code", 1, field.TYPE_STRING)
    add(parcel, "id", 1, field.TYPE_STRING)
    add(parcel, "depot", 2, field.TYPE_MESSAGE, ".shop.Parcel.Depot")
    add(parcel, "km", 3, field.TYPE_DOUBLE)
    add(parcel, "at", 4, field.TYPE_MESSAGE, ".google.protobuf.Timestamp")
    add(delivery, "id", 1, field.TYPE_STRING)
    add(delivery, "late", 2, field.TYPE_DOUBLE)
    add(delivery, "at", 3, field.TYPE_MESSAGE, ".google.protobuf.Timestamp")
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    named = (pool.FindMessageTypeByName(f"shop.{it}") for it in ("Parcel", "Delivery"))
    first, second = (message_factory.GetMessageClass(it) for it in named)
    return first, second


def in_protobuf(stream: Sequence[Fact], schemas: Registry) -> list[Record]:
    """Return facts as the real serializer writes them: two messages of one file, one nested, one imported."""
    parcel, delivery = messages()
    known, options = client(schemas), {"use.deprecated.format": False}
    write = {it: ProtobufSerializer(it, known, options) for it in (parcel, delivery)}
    records: list[Record] = []
    for it in stream:
        if isinstance(it, Parcel):
            topic, kind, own = PARCELS, parcel, {"depot": {"code": it.depot}, "km": it.distance}
        else:
            assert isinstance(it, Delivered)
            topic, kind, own = DELIVERIES, delivery, {"late": it.minutes_late}
        at = Timestamp()
        at.FromMilliseconds(milli(it))
        row = kind(id=it.parcel_id, at={"seconds": at.seconds, "nanos": at.nanos}, **own)
        records.append((topic, it.depot, write[kind](row, SerializationContext(topic, MessageField.VALUE))))
    return records

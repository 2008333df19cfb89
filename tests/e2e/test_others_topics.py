"""Topics that others write, with the clients they write them with, are learnt through `source=` like our own."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from millrace import Avro, Debezium, JsonSchema, Protobuf, Time, Topic, Topics
from millrace.adapters.schemas.table import schemas_of
from millrace.domain.records import DeadLetter
from millrace.domain.usecase import Fact
from millrace.rehearsal import rehearse
from tests.e2e.others import (
    PARCEL_V1,
    PARCEL_V2,
    Log,
    Record,
    change,
    client,
    in_avro,
    in_debezium,
    in_protobuf,
    milli,
    produce,
)
from tests.registry import Registry
from tests.trainer.world import Parcel, World, facts, learn_all, parcels, with_source
from trainer.rebuild import Rebuilding
from trainer.training import Training

N = 600


def world_on(log: Log, tmp_path: Path, source: Topics, schemas: Registry | None = None, **told: object) -> World:
    if schemas:
        told |= {"schema_registry": schemas.url, "schema_registry_user": "reader", "schema_registry_password": "secret"}
    return World(tmp_path, log.bus, with_source(parcels, source), idle_timeout=0.3, **told)


def same_as_ours(training: Training, stream: Sequence[Fact]) -> None:
    """The state is that of a rehearsal on topics of our own."""
    learner, rehearsed = training.shard.learner, rehearse(parcels, stream)
    learner.advance(learner.time + 1)
    assert {name: n for name, n in learner.counters.items() if not name.startswith("skipped")} == rehearsed.counters
    assert {name: learner.contest.scores[name].overall()["mae"] for name in parcels.candidates} == {
        name: it.overall for name, it in rehearsed.candidates.items()
    }


IN_AVRO = Topics(
    events=Topic(
        "shop.a-parcels",
        format=Avro(),
        id=lambda row: f"p{row['no']}",
        key="depot.code",
        time="left_at",
        fields={"distance": "km"},
    ),
    labels=Topic(
        "shop.b-deliveries", format=Avro(), of="parcel", time=Time("at", "ms"), fields={"minutes_late": "late"}
    ),
)


async def test_avro_with_a_schema_registry_is_learnt_as_our_own(log: Log, schemas: Registry, tmp_path: Path) -> None:
    """Through a registry that asks for a password, a schema that changes midway and a registry that is away meanwhile.

    Nothing becomes a dead letter; every event is predicted once; the newest state is rebuilt without the registry.
    """
    stream = facts(N)
    half = len(stream) // 2
    world = world_on(log, tmp_path, IN_AVRO, schemas)
    produce(log, in_avro(stream[:half], schemas, PARCEL_V1))
    training = await world.trainer()
    await learn_all(training, sum(isinstance(it, Parcel) for it in stream[:half]))

    later = in_avro(stream[half:], schemas, PARCEL_V2)
    schemas.is_away = True
    produce(log, later)
    for _ in range(40):
        await training.turn()
    assert training.trouble is not None
    assert "schema registry" in training.trouble
    assert "503" in training.trouble
    assert training.progress.dead_letters == {}
    schemas.is_away = False
    await learn_all(training, N)

    assert training.trouble is None
    assert training.progress.dead_letters == {}
    assert sorted(str(it["event_id"]) for it in await world.predictions()) == sorted(f"p{n}" for n in range(N))
    asked = [it for it in schemas.asked if it.startswith("GET /schemas/ids/")]
    digest = training.shard.digest()
    await training.close()

    schemas.is_away = True
    bus = world.bus()
    again = schemas_of(world.settings, world.use_case, world.store)
    rebuilding = Rebuilding(world.use_case, 0, bus, world.checkpoints(), schemas=again)
    rebuilt = await rebuilding.audit()
    assert (rebuilt.matches, rebuilt.digest) == (True, digest)
    assert [it for it in schemas.asked if it.startswith("GET /schemas/ids/")] == asked
    await bus.close()
    same_as_ours(training, stream)


async def test_what_no_schema_explains_is_a_dead_letter(log: Log, schemas: Registry, tmp_path: Path) -> None:
    """A value without a header, one that is cut off, one of a schema of another kind: each says why, the rest is learnt."""
    stream = [it for it in facts(40) if isinstance(it, Parcel)]
    good = in_avro(stream, schemas, PARCEL_V1)
    client(schemas).register_schema("x", _json_schema_of("x"))
    other = b"\0" + max(schemas.by_id).to_bytes(4, "big")
    bad = [b"no header", good[0][2][:7], other + b"{}"]  # type: ignore[index]
    produce(log, [*good[:20], *(("shop.a-parcels", "x", it) for it in bad), *good[20:]])
    world = world_on(log, tmp_path, IN_AVRO, schemas)
    training = await world.trainer()
    await learn_all(training, 40)
    letters = [msgspec.json.decode(it, type=DeadLetter) for it in await world.values("dead-letters")]
    assert sorted(it.detail.split(":")[0].split(",")[0] for it in letters) == [
        "it names no schema",
        f"schema {max(schemas.by_id)} is JSON",
        "the bytes do not fit their Avro schema",
    ]
    assert sorted(it.value or b"" for it in letters) == sorted(bad)
    await training.close()


def _json_schema_of(title: str) -> Any:
    from confluent_kafka.schema_registry import Schema

    return Schema(msgspec.json.encode({"type": "object", "title": title}).decode(), "JSON")


IN_DEBEZIUM = Topics(
    events=Topic(
        "db.public.parcels",
        envelope=Debezium("cr"),
        id="parcel",
        time=Time("$source.ts_ms", "ms"),
        fields={"distance": "km"},
    ),
    labels=Topic(
        "db.public.parcels",
        envelope=Debezium("u"),
        of="parcel",
        where=lambda row: row["status"] == "delivered" and row["$before"]["status"] != "delivered",
        fields={"minutes_late": "late"},
    ),
)


async def test_a_tables_changes_in_debeziums_json_are_learnt_as_our_own(log: Log, tmp_path: Path) -> None:
    """A row that is made is an event; its later change is the label. Deletes, tombstones and other changes are counted."""
    stream = facts(N)
    records = in_debezium(stream)
    row = {"parcel": "p0", "depot": "depot-1", "km": 1.0, "status": "open", "late": None}
    at = milli(stream[len(stream) // 2])
    middle = [
        change("u", row, {**row, "km": 2.0}, at),
        change("d", row, None, at),
        ("db.public.parcels", "depot-1", None),
        (
            "db.public.parcels",
            "depot-1",
            b'{"op": "c", "after": {"parcel": "q", "depot": "depot-1"}, "source": {"ts_ms": 1}}',
        ),
    ]
    world = world_on(log, tmp_path, IN_DEBEZIUM)
    produce(log, [*records[: len(stream) // 2], *middle, *records[len(stream) // 2 :]])
    training = await world.trainer()
    await learn_all(training, N)
    counters = training.shard.learner.counters
    assert {name: n for name, n in counters.items() if name.startswith("skipped")} == {
        "skipped": 3,
        "skipped_filtered": 1,
        "skipped_op d": 1,
        "skipped_tombstone": 1,
    }
    [letter] = [msgspec.json.decode(it, type=DeadLetter) for it in await world.values("dead-letters")]
    assert letter.reason == "invalid"
    assert "distance" in letter.detail
    assert counters.pop("refused_invalid") == 1
    same_as_ours(training, stream)
    await training.close()


IN_JSON_SCHEMA = Topics(
    events=Topic("shop.a-parcels", format=JsonSchema(), id="id", time=Time("at", "ms"), fields={"distance": "km"}),
    labels=Topic(
        "shop.b-deliveries", format=JsonSchema(), of="id", time=Time("at", "ms"), fields={"minutes_late": "late"}
    ),
)


async def test_json_with_a_schema_registry_is_learnt_as_our_own(log: Log, schemas: Registry, tmp_path: Path) -> None:
    """As the real serializer writes it; to read it the registry is not needed."""
    stream = facts(200)
    text = msgspec.json.encode({"type": "object", "title": "Row", "properties": {"id": {"type": "string"}}}).decode()
    write = JSONSerializer(text, client(schemas))
    records: list[Record] = []
    for it in stream:
        topic = "shop.a-parcels" if isinstance(it, Parcel) else "shop.b-deliveries"
        own = {"km": it.distance} if isinstance(it, Parcel) else {"late": it.minutes_late}  # type: ignore[union-attr]
        row = {"id": it.parcel_id, "depot": it.depot, "at": milli(it), **own}  # type: ignore[union-attr]
        records.append((topic, row["depot"], write(row, SerializationContext(topic, MessageField.VALUE))))
    produce(log, records)
    world = world_on(log, tmp_path, IN_JSON_SCHEMA)
    training = await world.trainer()
    await learn_all(training, 200)
    same_as_ours(training, stream)
    await training.close()


IN_PROTOBUF = Topics(
    events=Topic("shop.a-parcels", format=Protobuf(), id="id", key="depot.code", time="at", fields={"distance": "km"}),
    labels=Topic("shop.b-deliveries", format=Protobuf(), of="id", time="at", fields={"minutes_late": "late"}),
)


async def test_protobuf_with_a_schema_registry_is_learnt_as_our_own(
    log: Log, schemas: Registry, tmp_path: Path
) -> None:
    """Two messages of one file, one nested, one imported: read by the registry's descriptor, without generated code."""
    stream = facts(200)
    records = in_protobuf(stream, schemas)
    assert base64.b64decode(schemas.by_id[max(schemas.by_id)]["schema"])
    produce(log, records)
    world = world_on(log, tmp_path, IN_PROTOBUF, schemas)
    training = await world.trainer()
    await learn_all(training, 200)
    same_as_ours(training, stream)
    await training.close()


async def test_others_topics_are_read_and_never_made(tmp_path: Path) -> None:
    """A topic that is missing is told; what is made has our names, behind the prefix."""
    from millrace.domain.errors import NotReady

    world = World(tmp_path, use_case=with_source(parcels, IN_DEBEZIUM).under("team-a."))
    with pytest.raises(
        NotReady, match=r"there is no topic 'db.public.parcels', which parcels reads; Millrace does not make it"
    ):
        await world.trainer()
    bus = world.bus()
    assert await bus.partitions(["db.public.parcels"]) == {"db.public.parcels": 0}
    await bus.ensure_topics({"db.public.parcels": 1})
    writer = await bus.writer()
    from millrace.adapters.bus.port import Message

    await writer.send([Message(topic, value, key.encode()) for topic, key, value in in_debezium(facts(50))])
    training = await world.trainer()
    await learn_all(training, 50)
    assert len(await world.predictions()) == 50
    ours = ("journal", "predictions", "scorecards", "dead-letters", "commands")
    assert await bus.partitions([f"team-a.parcels.{it}" for it in ours]) == {f"team-a.parcels.{it}": 1 for it in ours}
    assert set((await bus.partitions([f"parcels.{it}" for it in ours])).values()) == {0}

"""`millrace new --from-topic`: topics that others write become a file that passes the check and learns from them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
from confluent_kafka.admin import AdminClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from millrace.domain.usecase import Fact
from millrace.usecases import find
from tests.e2e.others import (
    DELIVERIES,
    DELIVERY,
    PARCEL_V1,
    PARCELS,
    TABLE,
    Log,
    Record,
    avro_row,
    client,
    in_debezium,
    in_protobuf,
    milli,
    produce,
)
from tests.kafka import ROOT
from tests.registry import Registry
from tests.trainer.world import Delivered, Parcel, World, facts, learn_all

N = 600
STREAM = facts(N)
LABELS = sum(isinstance(it, Delivered) for it in STREAM)


def environment(log: Log, schemas: Registry | None) -> dict[str, str]:
    told = {"MILLRACE_KAFKA": log.address, "MILLRACE_EMBEDDED_LOG": str(log.embedded), "PYTHONPATH": str(ROOT)}
    if schemas:
        login = {"_USER": "reader", "_PASSWORD": "secret"}
        told |= {f"MILLRACE_SCHEMA_REGISTRY{name}": it for name, it in {"": schemas.url, **login}.items()}
    return {**os.environ, **told}


def called(folder: Path, env: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], cwd=folder, env=env, capture_output=True, text=True, check=False)


def in_json(stream: list[Fact]) -> list[Record]:
    """Orders of another shop: nested, numbers for names, times in milliseconds; the truth names them otherwise."""
    found: list[Record] = []
    for it in stream:
        if isinstance(it, Parcel):
            depot = {"code": it.depot, "open": True}
            row = {"parcel": {"no": int(it.parcel_id[1:])}, "depot": depot, "km": it.distance, "leftAt": milli(it)}
            found.append((PARCELS, it.depot, msgspec.json.encode(row)))
        elif isinstance(it, Delivered):
            told = {"shipment": int(it.parcel_id[1:]), "late": it.minutes_late, "at": it.known_at.isoformat()}
            found.append((DELIVERIES, it.depot, msgspec.json.encode(told)))
    return found


async def drafted_and_learnt(
    log: Log, tmp_path: Path, schemas: Registry | None, words: list[str], lines: list[str]
) -> World:
    """Draft, check, type-check and learn, with nothing edited; every event is predicted and every label learnt."""
    env = environment(log, schemas)
    wrote = called(tmp_path, env, "-m", "millrace.cli", "new", "others", *words)
    assert wrote.returncode == 0, wrote.stderr
    text = (tmp_path / "others.py").read_text()
    assert [it for it in lines if it not in text] == [], text
    checked = called(tmp_path, env, "-m", "millrace.cli", "check", "others.py")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    strict = called(
        ROOT, env, "-m", "mypy", "--strict", "--cache-dir", ".mypy_cache/sketch", str(tmp_path / "others.py")
    )
    assert strict.returncode == 0, strict.stdout

    told = {}
    if schemas:
        told = {"schema_registry": schemas.url, "schema_registry_user": "reader", "schema_registry_password": "secret"}
    world = World(tmp_path, log.bus, find(str(tmp_path / "others.py")), idle_timeout=0.3, **told)
    training = await world.trainer()
    await learn_all(training, N)
    learner = training.shard.learner
    learner.advance(learner.time + 1)
    counters = learner.counters
    assert (counters["events"], counters["learnt"], training.progress.dead_letters) == (N, LABELS, {})
    await training.close()
    scores = {name: it.overall()["mae"] for name, it in learner.contest.scores.items()}
    assert min(scores["linear"], scores["tree"]) < scores["overall"], scores
    return world


async def test_json_in_two_topics_is_drafted_and_learnt(log: Log, tmp_path: Path) -> None:
    """Nested paths; an id that is a number, which the labels call otherwise; nobody's positions are noted."""
    produce(log, in_json(STREAM))
    words = ["--from-topic", PARCELS, "--labels-topic", DELIVERIES]
    lines = [
        'id="parcel.no",',
        'key="depot.code",',
        'time=Time("leftAt", "ms"),',
        'of="shipment",',
        'time=Time("at"),',
        "target=lambda d: d.late,",
        f"{LABELS} of the {LABELS} looked at name an event",
    ]
    await drafted_and_learnt(log, tmp_path, None, words, lines)
    groups = AdminClient({"bootstrap.servers": log.address}).list_consumer_groups().result(10).valid
    assert [it.group_id for it in groups if "new" in it.group_id] == []


async def test_a_tables_changes_are_drafted_and_learnt(log: Log, tmp_path: Path) -> None:
    """A row that is made is an event; the change in which its truth becomes known is the label."""
    produce(log, in_debezium(STREAM))
    lines = [
        'envelope=Debezium("cr"),',
        'envelope=Debezium("u"),',
        'where=lambda row: row.get("late") is not None and (row["$before"] or {}).get("late") is None,',
        'time=Time("$source.ts_ms", "ms"),',
    ]
    await drafted_and_learnt(log, tmp_path, None, ["--from-topic", TABLE], lines)


def in_avro(stream: list[Fact], schemas: Registry) -> list[Record]:
    """As the real serializer writes it; a label's text names an event's number."""
    known = client(schemas)
    write = {PARCELS: AvroSerializer(known, PARCEL_V1), DELIVERIES: AvroSerializer(known, DELIVERY)}
    found: list[Record] = []
    for it in stream:
        topic, row = avro_row(it)
        row |= {} if topic == PARCELS else {"parcel": row["parcel"][1:]}
        found.append((topic, it.depot, write[topic](row, SerializationContext(topic, MessageField.VALUE))))  # type: ignore[union-attr]
    return found


async def test_avro_in_two_topics_is_drafted_and_learnt(log: Log, schemas: Registry, tmp_path: Path) -> None:
    """The format is found by the header, the schema in the registry; times are the format's own."""
    produce(log, in_avro(STREAM, schemas))
    words = ["--from-topic", PARCELS, "--labels-topic", DELIVERIES]
    lines = ["format=Avro(),", 'id="no",', 'of="parcel",', 'time=Time("left_at"),', 'time=Time("at", "ms"),']
    await drafted_and_learnt(log, tmp_path, schemas, words, lines)
    said = called(tmp_path, environment(log, None), "-m", "millrace.cli", "new", "more", *words)
    assert "say where their registry is, as MILLRACE_SCHEMA_REGISTRY=URL" in said.stderr


async def test_protocol_buffers_in_two_topics_are_drafted_and_learnt(
    log: Log, schemas: Registry, tmp_path: Path
) -> None:
    """By the registry's descriptor, without generated code."""
    produce(log, in_protobuf(STREAM, schemas))
    words = ["--from-topic", PARCELS, "--labels-topic", DELIVERIES]
    lines = ["format=Protobuf(),", 'id="id",', 'key="depot.code",', 'time=Time("at"),']
    await drafted_and_learnt(log, tmp_path, schemas, words, lines)

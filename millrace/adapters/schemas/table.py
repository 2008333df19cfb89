"""The schemas that a use case's records name: fetched once, kept beside the checkpoints, never changed.

A registry gives each schema an id for good. What it said of an id is kept with the states, so that a rebuild reads the
same facts without it, or after it lost everything.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from millrace.adapters.checkpoints.port import ObjectStore
from millrace.adapters.schemas.avro import avro_reader
from millrace.adapters.schemas.protobuf import protobuf_reader
from millrace.adapters.schemas.registry import Fetched, SchemaRegistry
from millrace.domain.errors import NotReady, Refused, Unreachable
from millrace.domain.log import Record, TopicPartition
from millrace.domain.sources import Avro, Format, Protobuf, Topic, Topics
from millrace.domain.usecase import AnyUseCase
from millrace.learning.decoding import HEADER, schema_id
from millrace.runtime.settings import Connections

ABSENT_AFTER = 30.0
"""Seconds a registry may not know an id: one of several replicas may be behind. Then its records are dead letters."""

Read = Callable[[bytes], Any]
_READERS: Mapping[type, tuple[str, Callable[[Fetched], Read]]] = {
    Avro: ("AVRO", avro_reader),
    Protobuf: ("PROTOBUF", protobuf_reader),
}


class SchemaTable:
    """Explains the values of a use case's topics. `trouble` says why it cannot at the moment."""

    def __init__(
        self,
        use_case: AnyUseCase,
        store: ObjectStore,
        registry: SchemaRegistry | None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = f"{use_case.name}/schemas"
        self._store = store
        self._registry = registry
        self._now = now
        self._forms = {it.name: it.format for it in _registered(use_case)}
        self._known: dict[int, Read | str] = {}
        self._missed: dict[int, float] = {}
        self.trouble: str | None = None

    async def explain(self, found: Mapping[TopicPartition, Sequence[Record]]) -> bool:
        """Make every schema known that records name; tell whether that was possible."""
        try:
            for where, records in found.items():
                if form := self._forms.get(where.topic):
                    await self._know(form, records)
        except (NotReady, Unreachable) as error:
            self.trouble = str(error)
            return False
        self.trouble = None
        return True

    def read(self, form: Format, data: bytes) -> Any:
        """Return a value as plain data; raise `Refused`, saying why it cannot be read."""
        number = schema_id(data)
        known = self._known.get(number, f"schema {number} is not known here yet")
        if isinstance(known, str):
            raise Refused(known)
        return known(data[HEADER:])

    async def _know(self, form: Format, records: Iterable[Record]) -> None:
        named = {int.from_bytes(it.value[1:HEADER], "big") for it in records if it.value and it.value[:1] == b"\0"}
        lacking = 0
        for number in sorted(named - self._known.keys()):
            fetched = await self._fetched(number)
            if fetched is None:
                lacking = number
            else:
                self._known[number] = reader_of(form, number, fetched)
        if lacking:
            raise NotReady(f"the schema registry does not know schema {lacking} (yet)")

    async def _fetched(self, number: int) -> Fetched | None:
        """Return what is kept of a schema, else what the registry says, and keep that; `None` to ask again later."""
        key = f"{self._folder}/{number}.json"
        kept = await self._store.get(key)
        if kept is not None:
            return msgspec.json.decode(kept, type=Fetched)
        if self._registry is None:
            raise NotReady(
                f"records name schema {number}: say where their registry is, as MILLRACE_SCHEMA_REGISTRY=URL"
            )
        fetched = await self._registry.fetch(number)
        if not fetched.kind and self._now() - self._missed.setdefault(number, self._now()) < ABSENT_AFTER:
            return None
        await self._store.put(key, msgspec.json.encode(fetched))
        return fetched


def reader_of(form: Format, number: int, fetched: Fetched) -> Read | str:
    """Return what reads the values of a schema, or why nothing can."""
    kind, make = _READERS[type(form)]
    if not fetched.kind:
        return f"the schema registry has no schema {number}"
    if fetched.kind != kind:
        return f"schema {number} is {fetched.kind}, the source says {type(form).__name__}"
    try:
        return make(fetched)
    except NotReady:
        raise
    except Exception as error:  # noqa: BLE001 - a library may raise anything for a schema it does not take
        return f"schema {number} does not parse: {type(error).__name__} {error}"


def _registered(use_case: AnyUseCase) -> list[Topic]:
    """Return the topics whose values only a registry explains."""
    source = use_case.source
    topics = (source.events, source.labels) if isinstance(source, Topics) else ()
    return [it for it in topics if it is not None and type(it.format) in _READERS]


def kept_schemas(connections: Connections, use_case: AnyUseCase) -> SchemaTable | None:
    """Return what explains a use case's records to those who only look on: what the trainer has kept, and no registry."""
    if not _registered(use_case):
        return None
    from millrace.adapters.checkpoints.s3 import open_store

    return SchemaTable(use_case, open_store(connections, connections.checkpoints_bucket), None)


def schemas_of(connections: Connections, use_case: AnyUseCase, store: ObjectStore) -> SchemaTable | None:
    """Return what explains a use case's records; `None` when they explain themselves."""
    if not _registered(use_case):
        return None
    return SchemaTable(use_case, store, SchemaRegistry(connections) if connections.schema_registry else None)

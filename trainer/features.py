"""The features of past predictions, as the models saw them: made again by replaying the journal, and written as Parquet.

Predictions are published without their features. A replay from a checkpoint before them makes both again; the journal's
chain covers every prediction, so that what came out differently is found out and nothing of it is written.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from millrace.adapters.archive.exported import ROWS, Progress, Span, parquet_file, records_of
from millrace.adapters.archive.features import COLUMN, Row, feature_schema, fitting
from millrace.adapters.bus.port import Bus
from millrace.adapters.checkpoints.port import ObjectStore
from millrace.adapters.schemas.table import SchemaTable
from millrace.domain.errors import HistoryLost, Refused
from millrace.domain.log import Message
from millrace.domain.records import Batch, Prediction
from millrace.domain.state_id import StateId
from millrace.domain.usecase import AnyUseCase, Features
from millrace.learning.intake import Arrival, Intake
from millrace.learning.outcomes import Foreseeing, Outcome
from millrace.learning.sealed import Verify
from millrace.learning.shard import Shard
from trainer.feed import Feed
from trainer.history import Checkpoints, follow
from trainer.journal import Journal, Written, line_from
from trainer.rebuild import Rebuilding


class Exported(msgspec.Struct):
    """What was written: rows; and predictions of the time asked for that are of an earlier epoch, or that no replay made again.

    The latter were made before the oldest checkpoint kept, or belong to a batch that was never committed.
    """

    rows: int = 0
    earlier_epochs: int = 0
    unreplayed: int = 0


class Reach(NamedTuple):
    """Predictions of one shard and epoch: how many, and the journal offsets their states come after, first and last."""

    epoch: int
    made: int
    first: int
    last: int


class Witness(Shard):
    """A shard that keeps the features of the predictions it makes, until they are asked for."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._seen: list[tuple[bytes, Features]] = []

    def message(self, outcome: Outcome, base: str, arrivals: list[Arrival]) -> Message:
        """Return an outcome as a record to write, and keep a prediction with its features."""
        made = super().message(outcome, base, arrivals)
        if isinstance(outcome, Foreseeing):
            self._seen.append((made.value or b"", outcome.features))
        return made

    def seen(self) -> list[tuple[bytes, Features]]:
        """Return the predictions since the last time, as written, each with its features."""
        seen, self._seen = self._seen, []
        return seen


class FeatureExport:
    """Writes the features of a use case's predictions. Reads only; it costs as much computing as learning did."""

    def __init__(
        self,
        use_case: AnyUseCase,
        bus: Bus,
        store: ObjectStore,
        verify: Verify,
        schemas: SchemaTable | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._use_case = use_case
        self._bus = bus
        self._store = store
        self._verify = verify
        self._schemas = schemas
        self._progress = progress or (lambda _done, _of: None)
        self._count = Exported()

    async def write(self, to: Path, span: Span) -> Exported:
        """Write one row a prediction whose event happened in the time asked for; the file is whole, or it is not there.

        Columns are those of a prediction, then one a feature (`features.NAME`). Raises `Refused` where there is none of
        that time or a feature changes between text and number, `HistoryLost` where what a replay takes is gone,
        `BrokenChain` where it came out differently.
        """
        reaches = await self._reaches(span)
        self._count = Exported(earlier_epochs=self._count.earlier_epochs)
        if not reaches:
            raise Refused(f"there are no predictions of {self._use_case.name} of that time on this log")
        async with aclosing(self._rows(reaches, span)) as rows:
            await _write(_chunked(rows), to)
        published = sum(it.made for it in reaches.values())
        self._count.unreplayed = max(0, published - self._count.rows)
        return self._count

    async def _reaches(self, span: Span) -> dict[int, Reach]:
        """Return which states made the predictions of a time, by shard, of the newest epoch that made one."""
        read = msgspec.json.Decoder(Prediction).decode
        found: dict[int, Reach] = {}
        every = 0
        async for records in records_of(self._bus, self._use_case.topic("predictions"), None, lambda _done, _of: None):
            made = [it for it in (read(record.value or b"") for record in records) if span.has(it.occurred_at)]
            every += len(made)
            for it in made:
                state = StateId.parse(it.state_id)
                found[state.shard] = _reaching(found.get(state.shard), state)
        self._count.earlier_epochs = every - sum(it.made for it in found.values())
        return found

    async def _rows(self, reaches: dict[int, Reach], span: Span) -> AsyncGenerator[Row, None]:
        for shard, reach in sorted(reaches.items()):
            async with aclosing(self._replayed(shard, reach)) as replayed:
                async for made, features in replayed:
                    if span.has(made.occurred_at):
                        self._count.rows += 1
                        yield {
                            **msgspec.structs.asdict(made),
                            **{f"{COLUMN}{name}": it for name, it in features.items()},
                        }

    async def _replayed(self, number: int, reach: Reach) -> AsyncGenerator[tuple[Prediction, Features], None]:
        """Replay a shard from the newest checkpoint before its predictions to the last of them."""
        checkpoints = Checkpoints(self._use_case, number, self._store, self._verify, Witness)
        shard = await self._start(checkpoints, number, reach)
        assert isinstance(shard, Witness)
        entries = await Journal(self._bus, self._use_case, number).read(shard.offset + 1)
        line = _up_to(reach.last, line_from(shard.offset, entries))
        intake = Intake(self._use_case, self._schemas)
        feed = await Feed.open(self._bus, intake, shard.positions, 0.2, self._schemas)
        read, done = msgspec.json.Decoder(Prediction).decode, 0
        try:
            async for _ in follow(shard, line, feed):
                done += 1
                self._progress(done, len(line))
                for value, features in shard.seen():
                    yield read(value), features
        finally:
            await feed.close()

    async def _start(self, checkpoints: Checkpoints, number: int, reach: Reach) -> Shard:
        kept = [it for it in await checkpoints.index.newest_first() if it.epoch == reach.epoch]
        before = [it for it in kept if it.offset <= reach.first]
        wanted = before[0] if before else kept[-1] if kept else None
        rebuilding = Rebuilding(self._use_case, number, self._bus, checkpoints)
        return await rebuilding.start(lambda epoch, offset: wanted is not None and (epoch, offset) == wanted[:2])


def _reaching(reach: Reach | None, state: StateId) -> Reach:
    """Return a reach with one more state; a newer epoch begins anew, an older one is left out."""
    if reach is None or state.epoch > reach.epoch:
        return Reach(state.epoch, 1, state.offset, state.offset)
    if state.epoch < reach.epoch:
        return reach
    return Reach(reach.epoch, reach.made + 1, min(reach.first, state.offset), max(reach.last, state.offset))


def _up_to(last: int, line: list[Written]) -> list[Written]:
    """Return entries up to the batch that the state after entry `last` met."""
    end = next((at for at, it in enumerate(line) if it.offset > last and isinstance(it.entry, Batch)), len(line) - 1)
    return line[: end + 1]


async def _write(chunks: AsyncIterator[list[Row]], to: Path) -> None:
    """Write rows to a file whose columns are those of the first of them."""
    first: list[Row] = await anext(chunks, [])
    if not first:
        raise HistoryLost(
            "the predictions of that time were made before the oldest checkpoint kept: say a later --since"
        )
    schema = feature_schema(first)
    with parquet_file(to, schema) as write:
        write(fitting(first, schema))
        async for chunk in chunks:
            write(fitting(chunk, schema))


async def _chunked(rows: AsyncIterator[Row]) -> AsyncIterator[list[Row]]:
    chunk: list[Row] = []
    async for row in rows:
        chunk.append(row)
        if len(chunk) == ROWS:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


async def export_from_settings(name: str, to: Path, span: Span, progress: Progress) -> Exported:
    """Write the features of a use case's predictions, on the log and the stores the settings name."""
    from millrace.adapters.checkpoints.s3 import open_store
    from millrace.adapters.schemas.table import schemas_of
    from millrace.runtime.settings import Connections
    from millrace.runtime.signing import PublicKeys
    from millrace.usecases import find
    from trainer.wiring import log_of

    connections = Connections()
    use_case = find(name).under(connections.topic_prefix)
    keys = PublicKeys.load(connections.trusted_keys())
    bus, store = log_of(connections, "millrace-export"), open_store(connections, connections.checkpoints_bucket)
    try:
        schemas = schemas_of(connections, use_case, store)
        return await FeatureExport(use_case, bus, store, keys.verify, schemas, progress).write(to, span)
    finally:
        await bus.close()
        await store.close()

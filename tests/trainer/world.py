"""A small stream, a small use case and a trainer on memory twins, for tests that kill it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from millrace import (
    Candidate,
    Event,
    Features,
    Id,
    Key,
    Km,
    Label,
    Minutes,
    Model,
    Of,
    Profiles,
    Regression,
    Topics,
    Truth,
    UseCase,
    decayed_mean,
    window_count,
)
from millrace.adapters.bus.memory import MemoryBus, MemoryCluster
from millrace.adapters.bus.port import Bus, Message, TopicPartition
from millrace.adapters.checkpoints.memory import MemoryStore
from millrace.adapters.online.memory import MemoryOnlineStore
from millrace.adapters.registry.memory import MemoryRegistry
from millrace.adapters.schemas.table import schemas_of
from millrace.domain.usecase import AnyUseCase, Fact
from millrace.runtime.signing import PublicKeys, Signer
from trainer.checkpointing import Checkpointing
from trainer.history import Checkpoints
from trainer.journal import Journal
from trainer.opening import Opening
from trainer.registration import Registrations
from trainer.settings import TrainerSettings
from trainer.snapshots import Snapshots
from trainer.training import Outlets, Training

START = datetime(2026, 3, 1, tzinfo=UTC)
SIGNER = Signer(Ed25519PrivateKey.generate())
KEYS = PublicKeys([SIGNER.public_pem()])


class Parcel(Event):
    """A parcel leaves a depot."""

    parcel_id: Id[str]
    depot: Key[str]
    distance: Km


class Delivered(Label):
    """A parcel arrives."""

    parcel_id: Of[str]
    depot: str = ""
    minutes_late: Minutes | None = None


class Seen(Profiles):
    """What is remembered of depots."""

    depot = decayed_mean("minutes_late", by="depot", half_life="6h", unseen=0.0)
    busy = window_count(by="depot", window="1h")


def features(p: Parcel, seen: Seen) -> Features:
    """Return what a model sees."""
    return {"km": p.distance, "usual": seen.depot, "busy": seen.busy}


def linear() -> Model:
    """Return a linear model."""
    from river import linear_model, preprocessing

    return preprocessing.StandardScaler() | linear_model.LinearRegression()


def tree() -> Model:
    """Return a small tree."""
    from river import tree as trees

    return trees.HoeffdingTreeRegressor(grace_period=50, memory_estimate_period=10**12)


parcels = UseCase(
    "parcels",
    "How many minutes late will this parcel be?",
    Parcel,
    Seen,
    features=features,
    task=Regression(target=lambda d: d.minutes_late, truth=Truth(label=Delivered, patience="1d"), unit="min"),
    candidates={"linear": Candidate(linear, on_residual_of="usual"), "tree": Candidate(tree)},
    baselines={"usual": lambda p, seen: seen.depot},
)


def with_source(use_case: AnyUseCase, source: Topics) -> AnyUseCase:
    """Return a use case that learns from somebody else's topics."""
    return UseCase(
        use_case.name,
        use_case.question,
        use_case.event,
        use_case.profiles,
        features=use_case.features,
        task=use_case.task,
        candidates=use_case.candidates,
        baselines=use_case.baselines,
        source=source,
    )


def facts(n: int, seed: int = 1) -> list[Fact]:
    """Return `n` parcels and their deliveries in order of availability, some undelivered, many at one moment."""
    rng = random.Random(seed)
    found: list[tuple[datetime, int, Fact]] = []
    for i in range(n):
        at = START + timedelta(minutes=i // 3)
        depot = f"depot-{rng.randrange(6)}"
        km = rng.uniform(1, 50)
        found.append((at, 0, Parcel(occurred_at=at, parcel_id=f"p{i}", depot=depot, distance=km)))
        if rng.random() < 0.9:
            known = at + timedelta(minutes=rng.randrange(5, 300))
            late = km / 5 + rng.gauss(0, 2)
            found.append((known, 1, Delivered(known_at=known, parcel_id=f"p{i}", depot=depot, minutes_late=late)))
    found.sort(key=lambda it: it[:2])
    return [it[2] for it in found]


def messages(stream: Sequence[Fact]) -> list[Message]:
    """Return facts as messages, labels keyed like their events."""
    return [
        Message(
            parcels.topic("events" if isinstance(it, Parcel) else "labels"),
            msgspec.json.encode(it),
            it.depot.encode(),  # type: ignore[union-attr]
        )
        for it in stream
    ]


class World:
    """One log and the stores, which outlive the trainers. The log is a twin in memory unless a client of another is given."""

    def __init__(
        self,
        tmp: Path,
        bus: Callable[[], Bus] | None = None,
        use_case: AnyUseCase = parcels,
        **settings: object,
    ) -> None:
        self.use_case = use_case
        self.cluster = MemoryCluster()
        self.bus: Callable[[], Bus] = bus or (lambda: MemoryBus(self.cluster))
        self.store = MemoryStore()
        self.online = MemoryOnlineStore()
        self.registry = MemoryRegistry()
        told = {"idle_timeout": 0.01, "batch_records": 60, "checkpoint_interval": 0.2, "embedded_log": True, **settings}
        self.settings = TrainerSettings(use_case=use_case.name, home=tmp, **told)  # type: ignore[arg-type]

    def checkpoints(self) -> Checkpoints:
        """Return a reader of the checkpoints."""
        return Checkpoints(self.use_case, 0, self.store, KEYS.verify)

    async def produce(self, stream: Sequence[Fact]) -> None:
        """Write facts, to topics of two partitions where the log leaves the choice."""
        bus = self.bus()
        await bus.ensure_topics({parcels.topic(kind): 2 for kind in ("events", "labels")})
        writer = await bus.writer()
        await writer.send(messages(stream))
        await writer.close()
        await bus.close()

    async def trainer(self, **changes: object) -> Training:
        """Start a trainer: it recovers or begins an epoch."""
        settings = self.settings.model_copy(update=changes)
        bus, checkpoints = self.bus(), self.checkpoints()
        use_case, schemas = self.use_case, schemas_of(settings, self.use_case, self.store)
        opened = await Opening(settings, use_case, bus, checkpoints, schemas).open()
        outlets = Outlets(
            Checkpointing(
                self.store,
                checkpoints.index,
                SIGNER.sign,
                interval=settings.checkpoint_interval,
                kept=100,
                horizon=Journal(bus, use_case, 0).first,
            ),
            Snapshots(self.online, SIGNER.sign, interval=0.0001, share=1.0),
            Registrations(self.registry, use_case, interval=300, kept=5),
        )
        where = TopicPartition(use_case.topic("commands"), 0)
        at = opened.shard.positions.get(where, 0)
        return Training(settings, bus, opened, outlets, await bus.reader({where: at}))

    async def predictions(self) -> list[dict[str, object]]:
        """Return every readable prediction."""
        return [msgspec.json.decode(value) for value in await self.values("predictions")]

    async def values(self, kind: str) -> list[bytes]:
        """Return the value of every readable record of a topic."""
        bus = self.bus()
        topic = self.use_case.topic(kind)
        count = (await bus.ensure_topics({topic: 1}))[topic]
        where = [TopicPartition(topic, number) for number in range(count)]
        ends = await bus.end(where)
        reader = await bus.reader(await bus.beginning(where))
        found: list[bytes] = []
        while any(reader.position(each) < ends[each] for each in where):
            for records in (await reader.read(timeout=0.2)).values():
                found += [it.value for it in records if it.value is not None]
        await reader.close()
        await bus.close()
        return found


async def learn_all(training: Training, events: int) -> None:
    """Turn until so many events were met and nothing waits."""
    await training.prepare()
    for _ in range(20_000):
        await training.turn()
        if training.shard.learner.counters.get("events", 0) >= events and not training.feed.waiting():
            return
    raise AssertionError(f"still learning: {training.shard.learner.counters}")

"""A small stream that is really learnt, sealed and published on memory twins, and an API over it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import httpx
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI

from apps.api.app import create_app
from apps.api.replica import Replica, Services
from apps.api.settings import ApiSettings
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
    Recorded,
    Regression,
    Truth,
    UseCase,
    decayed_mean,
)
from millrace.adapters.bus.memory import MemoryBus, MemoryCluster
from millrace.adapters.bus.port import Message, TopicPartition
from millrace.adapters.online.memory import MemoryOnlineStore
from millrace.adapters.online.port import Published, Version
from millrace.adapters.registry.memory import MemoryRegistry
from millrace.adapters.registry.port import ModelVersion, Registration
from millrace.domain.errors import Unreachable
from millrace.learning.sealed import Verify
from millrace.learning.shard import Shard
from millrace.runtime.signing import PublicKeys, Signer
from trainer.states import sealed_snapshot

START = datetime(2026, 3, 1, tzinfo=UTC)
SIGNER = Signer(Ed25519PrivateKey.generate())
VERIFY: Verify = PublicKeys([SIGNER.public_pem()]).verify


class Parcel(Event):
    """A parcel leaves a depot."""

    parcel_id: Id[str]
    depot: Key[str]
    distance: Km
    weather: Literal["dry", "rain"] = "dry"
    promised: datetime | None = None


class Delivered(Label):
    """A parcel arrives."""

    parcel_id: Of[str]
    minutes_late: Minutes | None = None


class Seen(Profiles):
    """What is remembered of depots."""

    depot = decayed_mean("minutes_late", by="depot", half_life="6h", unseen=0.0)


def features(p: Parcel, seen: Seen) -> Features:
    """Return what a model sees; the time that was promised must have a zone, or this raises."""
    hours = 0.0 if p.promised is None else (p.promised - p.occurred_at).total_seconds() / 3600
    return {"km": p.distance, "usual": seen.depot, "hours": hours}


class LastTruth:
    """A model that tells its states apart: it answers how many labels it has learnt."""

    def __init__(self) -> None:
        self.learnt = 0

    def predict_one(self, x: Features) -> float:
        """Return how many labels were learnt; refuse what lies too far."""
        if float(x["km"]) > 900:
            raise OverflowError("too far")
        return float(self.learnt)

    def learn_one(self, x: Features, y: float) -> None:
        """Count."""
        self.learnt += 1


def counting() -> Model:
    """Return a model that counts."""
    return LastTruth()


def linear() -> Model:
    """Return a linear model of River."""
    from river import linear_model, preprocessing

    return preprocessing.StandardScaler() | linear_model.LinearRegression()


parcel_delay = UseCase(
    "parcel-delay",
    "How many minutes late will this parcel be?",
    Parcel,
    Seen,
    features=features,
    task=Regression(target=lambda d: d.minutes_late, truth=Truth(label=Delivered, patience="1d"), unit="min"),
    candidates={
        "counting": Candidate(counting, about="counts"),
        "again": Candidate(counting),
        "linear": Candidate(linear),
    },
    baselines={"usual": lambda p, seen: seen.depot},
    notes={"km": "distance, km"},
    source=Recorded(files={}, facts=lambda files: iter(()), about="made up", licence="CC0-1.0"),
)


def facts(seed: int = 1) -> Iterator[tuple[Parcel, Delivered]]:
    """Yield parcels and their deliveries, a minute later, for ever."""
    rng = random.Random(seed)
    i = 0
    while True:
        at = START + timedelta(minutes=2 * i)
        parcel = Parcel(
            occurred_at=at, parcel_id=f"p{i}", depot=f"depot-{rng.randrange(4)}", distance=rng.uniform(1, 50)
        )
        late = round(parcel.distance / 5 + rng.gauss(0, 2), 1)
        yield parcel, Delivered(known_at=at + timedelta(minutes=1), parcel_id=f"p{i}", minutes_late=late)
        i += 1


class FlakyOnlineStore(MemoryOnlineStore):
    """The twin of the online store, which may be away."""

    away = False

    async def version(self, use_case: str, shard: int) -> Version | None:
        """Return the kept snapshot's version."""
        self._reached()
        return await super().version(use_case, shard)

    async def fetch(self, use_case: str, shard: int) -> Published | None:
        """Return the kept snapshot."""
        self._reached()
        return await super().fetch(use_case, shard)

    def flush(self) -> None:
        """Lose everything."""
        self._kept.clear()

    def tamper(self, change: Callable[[bytes], bytes], version: Version) -> None:
        """Put a changed snapshot in the newest one's place, as somebody who can write but not sign would."""
        name = (parcel_delay.name, 0)
        self._kept[name] = Published(version, change(self._kept[name].sealed))

    def _reached(self) -> None:
        if self.away:
            raise Unreachable("the online store does not answer")


class FlakyRegistry(MemoryRegistry):
    """The twin of the registry, which may be away."""

    away = False
    asked = 0

    async def versions(self, use_case: str) -> list[ModelVersion]:
        """Return the versions."""
        self._reached()
        return await super().versions(use_case)

    async def resolve(self, use_case: str, which: str) -> ModelVersion | None:
        """Return the version that is named."""
        self._reached()
        return await super().resolve(use_case, which)

    async def sealed(self, version: ModelVersion) -> bytes:
        """Return a version's state."""
        self._reached()
        return await super().sealed(version)

    def _reached(self) -> None:
        self.asked += 1
        if self.away:
            raise Unreachable("the registry does not answer")


class World:
    """A trainer's outputs on twins: log, online store, registry."""

    def __init__(self) -> None:
        self.cluster = MemoryCluster()
        self.online = FlakyOnlineStore()
        self.registry = FlakyRegistry()
        self.shard = Shard(parcel_delay)
        self.shard.epoch = 1
        self._facts = facts()
        self._offsets = {"events": 0, "labels": 0}

    def create_topics(self) -> None:
        """Make the topics, as a trainer does."""
        for kind in ("events", "labels", "predictions", "scorecards", "alarms", "dead-letters", "journal"):
            self.cluster.create(parcel_delay.topic(kind), 2 if kind in ("events", "labels", "predictions") else 1)

    async def learn(self, pairs: int = 20) -> None:
        """Produce some facts, learn them, and commit what comes of them."""
        self.create_topics()
        bus = MemoryBus(self.cluster)
        for parcel, delivered in (next(self._facts) for _ in range(pairs)):
            for kind, fact in (("events", parcel), ("labels", delivered)):
                await self.send(kind, msgspec.json.encode(fact), parcel.depot)
        reader = await bus.reader({it: self.shard.positions.get(it, 0) for it in self._inputs()})
        batch = {w: [self.shard.intake.read(r) for r in rs] for w, rs in (await reader.read(timeout=0)).items()}
        step = self.shard.take(batch)
        writer = await bus.transactional_writer("test")
        entry = Message(parcel_delay.topic("journal"), msgspec.json.encode(step.entry))
        self.shard.committed(await writer.commit(step.outputs, entry))

    async def send(self, kind: str, value: bytes, key: str = "depot-0") -> None:
        """Write one record."""
        writer = await MemoryBus(self.cluster).writer()
        await writer.send([Message(parcel_delay.topic(kind), value, key.encode())])

    def _inputs(self) -> list[TopicPartition]:
        return [TopicPartition(parcel_delay.topic(kind), n) for kind in ("events", "labels") for n in range(2)]

    async def publish(self) -> str:
        """Publish a snapshot; return its state id."""
        sealed = sealed_snapshot(self.shard, SIGNER.sign)
        await self.online.publish(parcel_delay.name, 0, Version(self.shard.epoch, self.shard.offset), sealed)
        return str(self.shard.state_id)

    async def register(self) -> ModelVersion:
        """Register the state."""
        what = Registration(
            use_case=parcel_delay.name,
            question=parcel_delay.question,
            state_id=str(self.shard.state_id),
            champion="counting",
            trained_until="2026-03-01T00:00:00Z",
            checkpoint_key="key",
            events=1,
            sealed=sealed_snapshot(self.shard, SIGNER.sign),
            metrics={"counting": {"mae": 1.5}},
        )
        return await self.registry.register(what)

    def app(self, *, verify: Callable[[], Verify] = lambda: VERIFY, **changes: Any) -> tuple[FastAPI, Replica]:
        """Return an API over this world, impatient enough for tests."""
        impatient = {"live_poll": 0.01, "registry_poll": 0.02, "live_patience": 0.05}
        settings = ApiSettings.model_validate({**impatient, **changes})
        services = Services(MemoryBus(self.cluster), self.online, self.registry)
        replica = Replica([parcel_delay], settings, services, verify)
        return create_app(replica), replica

    @asynccontextmanager
    async def api(self, **changes: Any) -> AsyncIterator[Api]:
        """Run an API over this world."""
        app, replica = self.app(**changes)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://api") as http,
        ):
            yield Api(http, replica)


class Api:
    """A client of a running API, with the words of its tests."""

    base = f"/v1/use-cases/{parcel_delay.name}"

    def __init__(self, http: httpx.AsyncClient, replica: Replica) -> None:
        self.http = http
        self.replica = replica

    async def get(self, path: str = "", status: int = 200, **params: Any) -> Any:
        """Get something of the use case; a path that begins at the root is taken as it is."""
        answer = await self.http.get(path if path.startswith("//") else self.base + path, params=params)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def ask(self, status: int = 200, model: str | None = None, **changes: Any) -> dict[str, Any]:
        """Ask about a parcel."""
        event = {"parcel_id": "mine", "depot": "depot-1", "distance": 12.5, **changes}
        answer = await self.http.post(f"{self.base}/predict", json=event, params={"model": model} if model else None)
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def until(self, wanted: Callable[[dict[str, Any]], bool], seconds: float = 20.0) -> dict[str, Any]:
        """Look at the use case until it is as wanted."""
        shown: dict[str, Any] = {}
        async with asyncio.timeout(seconds):
            while not wanted(shown := await self.get()):
                await asyncio.sleep(0.01)
        return shown

    async def ready(self) -> dict[str, Any]:
        """Wait until it is ready."""
        return await self.until(lambda shown: shown["ready"])

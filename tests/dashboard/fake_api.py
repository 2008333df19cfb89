"""An API that behaves as docs/wire.md says, over made-up parcels that keep coming. For developing and testing pages.

A real HTTP server: `python -m tests.dashboard.fake_api PORT`.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

SCHEMA: dict[str, Any] = {
    "$ref": "#/$defs/Parcel",
    "$defs": {
        "Parcel": {
            "title": "Parcel",
            "type": "object",
            "required": ["occurred_at", "parcel_id", "depot", "distance", "weather", "stops", "promised", "signed"],
            "properties": {
                "occurred_at": {"type": "string", "format": "date-time"},
                "parcel_id": {"type": "string"},
                "depot": {"type": "string"},
                "distance": {"type": "number", "minimum": 0, "maximum": 900, "unit": "km"},
                "weather": {"enum": ["dry", "rain", "snow"]},
                "stops": {"type": "integer", "minimum": 0},
                "promised": {"type": "string"},
                "signed": {"type": "boolean"},
                "temperature": {
                    "anyOf": [{"type": "number", "minimum": -90, "maximum": 70}, {"type": "null"}],
                    "default": None,
                    "unit": "°C",
                },
                "tour": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
            },
        }
    },
}
ROLES = {
    "linear": "champion",
    "tree": "challenger",
    "knn": "challenger",
    "usual at the depot": "baseline",
    "no delay": "baseline",
}
START = {"linear": 19.0, "tree": 24.0, "knn": 22.0, "usual at the depot": 14.6, "no delay": 17.8}
FLOOR = {"linear": 9.4, "tree": 10.3, "knn": 11.9, "usual at the depot": 12.6, "no delay": 16.9}
QUESTION = "How many minutes late will this parcel be?"
BEGAN = datetime(2024, 3, 1, tzinfo=UTC)


def stamp(at: datetime) -> str:
    """Write a time as the wire has it."""
    return at.isoformat().replace("+00:00", "Z")


class Stream:
    """Parcels that keep coming: events, scores and predictions as a function of how long it has run."""

    def __init__(self, seed: int = 5) -> None:
        self.random = random.Random(seed)
        self.offset = 0
        self.scorecards: list[dict[str, Any]] = []
        self.predictions: list[dict[str, Any]] = []
        self.noise = dict.fromkeys(ROLES, 0.0)
        for _ in range(160):
            self.step()

    @property
    def now(self) -> datetime:
        return BEGAN + timedelta(minutes=37 * self.offset)

    @property
    def state_id(self) -> str:
        return f"parcel-delay.0.1.{4000 + 3 * self.offset}"

    def step(self) -> None:
        """Go on by one batch: some predictions, one scorecard, the truth of older ones."""
        self.offset += 1
        for n in range(self.random.randint(2, 6)):
            self.predictions.insert(0, self._prediction(n))
        for old in self.predictions[25:60]:
            old.setdefault("truth", round(old["value"] + self.random.gauss(0, 9), 1))
        del self.predictions[400:]
        self.scorecards.append(self._scorecard())

    def _prediction(self, n: int) -> dict[str, Any]:
        value = self.random.gauss(11, 14)
        return {
            "event_id": f"P-{self.offset:05d}-{n}",
            "key": self.random.choice(["Bergamo", "Bilbao", "Gdansk", "Lyon", "Turku"]),
            "occurred_at": stamp(self.now + timedelta(minutes=3 * n)),
            "state_id": f"{self.state_id}~{n}",
            "champion": "linear",
            "value": value,
            "by_candidate": {"linear": value, "tree": value + self.random.gauss(0, 2)},
            "made_at": stamp(datetime.now(UTC)),
            "places": {"from": self._place(), "to": self._place()},
        }

    def _place(self) -> dict[str, float]:
        return {"lat": 45.7 + self.random.uniform(-0.1, 0.1), "lon": 9.67 + self.random.uniform(-0.2, 0.2)}

    def _scorecard(self) -> dict[str, Any]:
        k = self.offset
        scores = {}
        for name, role in ROLES.items():
            self.noise[name] = 0.9 * self.noise[name] + self.random.gauss(0, 0.12)
            recent = self._at(name, k) + self.noise[name] + 0.6 * math.sin(k / 17)
            overall = self._at(name, k / 2)
            scores[name] = {
                "role": role,
                "labels": 31 * k,
                "overall": {"mae": overall, "rmse": overall * 1.62, "r2": 1 - (overall / 18) ** 2},
                "recent": {"mae": recent},
            }
            if role != "champion":
                scores[name]["versus_champion"] = recent - scores["linear"]["recent"]["mae"]
        return {
            "state_id": self.state_id,
            "as_of": stamp(self.now),
            "events": 33 * k,
            "labels": 31 * k,
            "metric": "mae",
            "scores": scores,
        }

    def _at(self, name: str, k: float) -> float:
        return FLOOR[name] + (START[name] - FLOOR[name]) * math.exp(-k / 22)


class FakeApi:
    """Answers as the API does. `degraded` and `empty` make it say so; with `groups` the question is what kinds there are."""

    def __init__(self, *, degraded: str | None = None, empty: bool = False, groups: bool = False) -> None:
        self.asked_for_health = 0
        self.stream = Stream()
        self.groups = groups
        self.degraded = degraded
        self.empty = empty
        self.random = random.Random()
        self.drawing = True
        """Whether an example is drawn; one that is asked for meanwhile waits."""
        self.drawn = 0

    def detail(self) -> dict[str, Any]:
        stream = self.stream
        found: dict[str, Any] = {
            "name": "parcel-delay",
            "question": QUESTION,
            "task": "regression",
            "unit": "min",
            "event_schema": SCHEMA,
            "id_field": "parcel_id",
            "key_field": "depot",
            "candidates": [
                {"name": "linear", "role": "champion", "about": "on the residual of the depot's usual"},
                {"name": "tree", "role": "challenger", "about": "Hoeffding tree"},
                {"name": "knn", "role": "challenger", "about": "nearest neighbours"},
            ],
            "baselines": ["usual at the depot", "no delay"],
            "champion": "linear",
            "state_id": stream.state_id,
            "trained_until": stamp(stream.now),
            "serving_from": "live",
            "source": {"about": "Made-up parcels", "licence": "CC0", "replay": True},
            "ready": True,
        }
        if self.groups:
            found |= {"task": "clustering", "unit": "cluster"}
        if self.degraded:
            found |= {"degraded": self.degraded, "serving_from": "registered"}
        return found

    def alarms(self) -> list[dict[str, Any]]:
        """Return one alarm of each kind."""
        state = {"at": "2024-03-05T10:15:00Z", "event": 4_096}
        queue = {"what": "feature", "name": "stops", "detector": "psi", "value": 0.41, "threshold": 0.2}
        error = {"what": "error", "name": "linear", "detector": "page-hinkley", "value": 31.5, "threshold": 25.0}
        return [
            {**state, **error, "state_id": "parcel-delay.0.1.9~3", "also": {"tree": 27.0}},
            {**state, **queue, "state_id": "parcel-delay.0.1.7~0", "also": {}},
        ]

    def clusters(self) -> dict[str, Any]:
        """Return two clusters, one of which grows."""
        wave = [300 + 20 * (n % 7) for n in range(40)]
        words = {1: "few stops, long way", 4: "many stops, short way"}
        return {
            "use_case": "parcel-delay",
            "state_id": self.stream.state_id,
            "candidate": "linear",
            "noise": 0.05,
            "window": 10_000,
            "clusters": [self._cluster(id_, its) for id_, its in words.items()],
            "history": [
                {
                    "at": stamp(BEGAN + timedelta(hours=n)),
                    "events": 1000,
                    "sizes": {"1": 950 - it, "4": it, "noise": 50},
                }
                for n, it in enumerate(wave)
            ],
        }

    def _cluster(self, id_: int, words: str) -> dict[str, Any]:
        far = 1.4 if id_ == 4 else -0.6
        quantiles = {"0.1": 2.0, "0.25": 4.0, "0.5": 7.0, "0.75": 11.0, "0.9": 15.0}
        stops = {"wording": "stops", "mean": 7.4, "spread": 3.1, "quantiles": quantiles, "apart": far}
        way = {"wording": "short/long way", "mean": 120.0, "spread": 31.0, "quantiles": quantiles, "apart": -far}
        return {
            "id": id_,
            "words": words,
            "size": 6_120 if id_ == 1 else 3_380,
            "share": 0.612 if id_ == 1 else 0.338,
            "before": 0.61 if id_ == 1 else 0.22,
            "trend": "steady" if id_ == 1 else "growing",
            "events": 88_000,
            "since": stamp(BEGAN),
            "features": {
                "stops": {**stops, "overall_mean": 5.0, "overall_spread": 2.0},
                "way": {**way, "overall_mean": 180.0, "overall_spread": 60.0},
            },
            "samples": [self.example()],
        }

    async def draw(self) -> dict[str, Any]:
        while not self.drawing:
            await asyncio.sleep(0.01)
        self.drawn += 1
        return self.example()

    def example(self) -> dict[str, Any]:
        pick = self.random
        at = self.stream.now
        return {
            "occurred_at": stamp(at),
            "parcel_id": f"P-{pick.randint(10_000, 99_999)}",
            "depot": pick.choice(["Bergamo", "Bilbao", "Gdansk", "Lyon", "Turku"]),
            "distance": round(pick.uniform(3, 640), 1),
            "weather": pick.choice(["dry", "rain", "snow"]),
            "stops": pick.randint(0, 24),
            "promised": stamp(at + timedelta(hours=pick.randint(4, 40))),
            "signed": pick.random() < 0.5,
            "temperature": round(pick.uniform(-5, 30), 1),
        }

    def answer(self, event: dict[str, Any]) -> dict[str, Any]:
        value = 4 + event["distance"] / 40 + {"dry": 0, "rain": 3, "snow": 11}[event["weather"]]
        stream = self.stream
        said = {"value": 4.0, "unit": "cluster", "words": "many stops, short way"} if self.groups else {}
        return {
            "event_id": event["parcel_id"],
            "value": value,
            "unit": "min",
            "champion": "linear",
            "by_candidate": {"linear": value, "tree": value * 1.09, "knn": value * 0.94},
            "baselines": {"usual at the depot": 11.2, "no delay": 0.0},
            "features": {
                "km": event["distance"],
                "usual": 11.2,
                "network": 10.75,
                "weather": event["weather"],
                "signed": event["signed"],
            },
            "state_id": stream.state_id,
            "trained_until": stamp(stream.now),
            "profiles_at": stream.state_id,
            "made_at": stamp(datetime.now(UTC)),
            "occurred_at": event.get("occurred_at", stamp(stream.now)),
            "serving_from": "live",
            **said,
        }

    def versions(self) -> list[dict[str, Any]]:
        newest = self.stream.offset // 40
        return [
            {
                "version": n,
                "state_id": f"parcel-delay.0.1.{4000 + 120 * n}",
                "champion": "linear",
                "trained_until": stamp(BEGAN + timedelta(minutes=37 * 40 * n)),
                "created_at": stamp(datetime.now(UTC) - timedelta(minutes=5 * (newest - n))),
                "aliases": ["champion"] if n == newest else [],
                "metrics": {"recent_mae": 9.4 + 4 / n, "mae": 9.9 + 6 / n, "rmse": 15.1 + 9 / n, "r2": 0.72},
            }
            for n in range(newest, 0, -1)
        ]


def problem(status: int, title: str, detail: str, **more: str) -> JSONResponse:
    """Answer with a problem document."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    return JSONResponse(body, status, media_type="application/problem+json")


def wrong(event: dict[str, Any]) -> JSONResponse | None:
    """Return what is wrong with an event, if anything is."""
    for name in SCHEMA["$defs"]["Parcel"]["required"]:
        if name not in event and name != "occurred_at":
            return problem(422, "Unprocessable", f"{name} is missing", field=name)
    if not 0 <= event["distance"] <= 900:
        return problem(
            422, "Unprocessable", f"distance must be 0 to 900 km, not {event['distance']:g}", field="distance"
        )
    return None


def make(fake: FakeApi, every: float = 1.0) -> Starlette:
    """Make the server's application; the stream goes on while it runs."""

    @contextlib.asynccontextmanager
    async def running(_: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(flow(fake, every))
        yield
        task.cancel()

    return Starlette(routes=list(routes(fake)), lifespan=running)


async def flow(fake: FakeApi, every: float) -> None:
    """Let the stream go on."""
    while True:
        await asyncio.sleep(every)
        fake.stream.step()


def flowing(fake: FakeApi) -> Callable[[Request], Awaitable[JSONResponse]]:
    """Return what tells the figures of health."""

    async def health(_: Request) -> JSONResponse:
        figures = {"predictions_per_s": 48.3, "training_samples_per_s": 41.0, "lag_records": 1204}
        figures |= {"checkpoint_age_s": 412.0, "state_age_s": 0.8, "dead_letters": 3}
        fake.asked_for_health += 1
        return JSONResponse({"parts": 2, "answering": 1, "use_cases": {"parcel-delay": figures}})

    return health


def grouped(fake: FakeApi) -> Callable[[Request], Awaitable[JSONResponse]]:
    """Return what answers for the clusters."""

    async def clusters(_: Request) -> JSONResponse:
        return JSONResponse(fake.clusters()) if fake.groups else problem(404, "Missing", "it groups nothing")

    return clusters


def routes(fake: FakeApi) -> Iterator[Route]:
    """Yield the API's routes."""
    stream = fake.stream

    def known(request: Request) -> bool:
        return request.path_params["uc"] == "parcel-delay"

    async def use_cases(_: Request) -> JSONResponse:
        one = {"name": "parcel-delay", "question": QUESTION, "task": "regression", "unit": "min", "ready": True}
        return JSONResponse({"use_cases": [] if fake.empty else [one]})

    async def use_case(request: Request) -> JSONResponse:
        return JSONResponse(fake.detail()) if known(request) else problem(404, "Unknown", "there is no such use case")

    async def scorecards(request: Request) -> JSONResponse:
        limit, every = int(request.query_params.get("limit", 500)), stream.scorecards
        picked = (
            every if len(every) <= limit else [every[round(i * (len(every) - 1) / (limit - 1))] for i in range(limit)]
        )
        return JSONResponse({"use_case": "parcel-delay", "metric": "mae", "scorecards": picked})

    async def predictions(request: Request) -> JSONResponse:
        limit = int(request.query_params.get("limit", 50))
        return JSONResponse({"use_case": "parcel-delay", "predictions": stream.predictions[:limit]})

    async def models(_: Request) -> JSONResponse:
        return JSONResponse({"use_case": "parcel-delay", "versions": fake.versions()})

    async def example(_: Request) -> JSONResponse:
        return JSONResponse(await fake.draw())

    async def predict(request: Request) -> JSONResponse:
        event = await request.json()
        return wrong(event) or JSONResponse(fake.answer(event))

    async def readyz(_: Request) -> JSONResponse:
        return JSONResponse(
            {"ready": True, "use_cases": {"parcel-delay": {"ready": True, "state_id": stream.state_id}}}
        )

    yield Route("/v1/health", flowing(fake))
    yield Route("/v1/use-cases", use_cases)
    yield Route("/v1/use-cases/{uc}", use_case)
    yield Route("/v1/use-cases/{uc}/scorecards", scorecards)
    yield Route("/v1/use-cases/{uc}/predictions", predictions)
    yield Route("/v1/use-cases/{uc}/clusters", grouped(fake))
    yield Route("/v1/use-cases/{uc}/alarms", lambda _: JSONResponse({"alarms": fake.alarms()}))
    yield Route("/v1/use-cases/{uc}/models", models)
    yield Route("/v1/use-cases/{uc}/example", example)
    yield Route("/v1/use-cases/{uc}/predict", predict, methods=["POST"])
    yield Route("/readyz", readyz)


if __name__ == "__main__":
    import uvicorn

    uvicorn.run(make(FakeApi()), port=int(sys.argv[1]), log_level="warning")

"""Where events are grouped: what the clusters are like, by the state that is served."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec

from apps.api.app import create_app
from apps.api.board import Board
from apps.api.replica import Replica, Services
from apps.api.settings import ApiSettings
from millrace.adapters.bus.memory import MemoryBus, MemoryCluster
from millrace.adapters.online.memory import MemoryOnlineStore
from millrace.adapters.online.port import Version
from millrace.adapters.registry.memory import MemoryRegistry
from millrace.domain.facts import Event
from millrace.domain.log import Record
from millrace.learning.shard import Shard
from tests.api.world import SIGNER, VERIFY, World
from tests.learning.kinds import Met, dbstream, denstream, facts, use_case
from trainer.states import sealed_snapshot

VISITS = use_case(dbstream=dbstream, denstream=denstream)
BASE = f"/v1/use-cases/{VISITS.name}"


def learnt() -> Shard:
    shard = Shard(VISITS)
    shard.epoch, shard.offset = 1, 7
    list(shard.learner.meet(Met(fact) for fact in facts(3_000)))
    return shard


@asynccontextmanager
async def api(shard: Shard) -> AsyncIterator[httpx.AsyncClient]:
    online, cluster = MemoryOnlineStore(), MemoryCluster()
    for kind in ("events", "labels", "predictions", "scorecards", "alarms"):
        cluster.create(VISITS.topic(kind), 1)
    await online.publish(VISITS.name, 0, Version(1, 7), sealed_snapshot(shard, SIGNER.sign))
    settings = ApiSettings.model_validate({"live_poll": 0.01, "registry_poll": 0.02, "live_patience": 0.05})
    services = Services(MemoryBus(cluster), online, MemoryRegistry())
    app = create_app(Replica([VISITS], settings, services, lambda: VERIFY))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://api") as http,
        asyncio.timeout(20),
    ):
        while not (await http.get(BASE)).json()["ready"]:
            await asyncio.sleep(0.01)
        yield http


async def test_clusters_are_told_and_an_answer_names_one_of_them() -> None:
    """Ids, words and sizes are the served state's; an answer is the id of a cluster that is told, with its words."""
    shard = learnt()
    async with api(shard) as http:
        found: dict[str, Any] = (await http.get(f"{BASE}/clusters")).json()
        assert found["candidate"] == "dbstream"
        assert found["state_id"] == "visits.0.1.7"
        told = {it["id"]: it for it in found["clusters"]}
        assert found["clusters"] == msgspec.to_builtins(shard.learner.contest.clusters()["dbstream"].clusters)
        visit = {"visit_id": "mine", "who": "w1", "pages": 8.0, "minutes": 0.0}
        answer = (await http.post(f"{BASE}/predict", json=visit)).json()
        assert told[int(answer["value"])]["words"] == answer["words"] == "many pages seen, short stay"
        assert answer["by_candidate"].keys() == {"dbstream", "denstream"}


async def test_the_answer_is_what_the_learner_would_have_predicted() -> None:
    """Served from a snapshot, events get the very ids the learner gives them."""
    shard = learnt()
    async with api(shard) as http:
        for visit in [it for it in facts(3_020) if isinstance(it, Event)][-20:]:
            answer = (await http.post(f"{BASE}/predict", json=msgspec.to_builtins(visit))).json()
            features = VISITS.features(visit, None)  # type: ignore[arg-type]
            said = {name: it.predict(features) for name, it in shard.learner.contest.players.items()}
            assert answer["by_candidate"] == said


async def test_another_candidates_clusters_may_be_asked_for() -> None:
    """A name that is no candidate is refused, and the message names those there are."""
    async with api(learnt()) as http:
        other = (await http.get(f"{BASE}/clusters", params={"candidate": "denstream"})).json()
        assert other["candidate"] == "denstream"
        wrong = await http.get(f"{BASE}/clusters", params={"candidate": "nobody"})
        assert (wrong.status_code, wrong.json()["field"]) == (422, "candidate")
        assert "denstream" in wrong.json()["detail"]


async def test_where_nothing_is_grouped_there_are_no_clusters() -> None:
    """A regression has none, and says so."""
    world = World()
    await world.learn()
    await world.publish()
    async with world.api() as shown:
        await shown.ready()
        assert "groups nothing" in (await shown.get("/clusters", 404))["detail"]


def test_the_truth_about_a_grouped_event_is_a_name() -> None:
    """Predictions are listed with the true group's name once it is known."""
    shard = Shard(VISITS)
    board = Board(VISITS, predictions=5, scorecards=5, labels=5, alarms=5)
    visit, kind = facts(1)
    for topic, value in (("predictions", _prediction(shard, visit)), ("labels", msgspec.json.encode(kind))):
        board.take(Record(VISITS.topic(topic), 0, 0, 0, None, value))
    (shown,) = board.predictions(1)
    assert shown.truth == kind.kind  # type: ignore[union-attr]


def _prediction(shard: Shard, visit: Any) -> bytes:
    (made,) = shard.learner.meet([Met(visit)])
    value = shard.message(made, "visits.0.1.7", []).value
    assert value is not None
    return value

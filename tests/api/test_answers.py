"""What a caller is answered, and from which state."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from millrace.domain.times import rfc3339
from millrace.learning.serving import ServingState
from tests.api.world import SIGNER, VERIFY, Parcel, World, parcel_delay
from trainer.states import sealed_snapshot


@pytest.fixture
async def world() -> World:
    """Return a world in which something was learnt and published."""
    world = World()
    await world.learn()
    await world.publish()
    return world


async def test_an_answer_is_the_learners_own_and_names_its_state(world: World) -> None:
    """An answer has the very numbers the sealed state gives, and names that state."""
    state = ServingState.open(parcel_delay, sealed_snapshot(world.shard, SIGNER.sign), VERIFY)
    async with world.api() as api:
        await api.ready()
        answer = await api.ask(occurred_at="2026-03-02T00:00:00Z")
    parcel = Parcel(
        occurred_at=datetime(2026, 3, 2, tzinfo=UTC),
        parcel_id="mine",
        depot="depot-1",
        distance=12.5,
    )
    expected = state.answer(parcel)
    assert answer["by_candidate"] == expected.by_candidate
    assert answer["value"] == expected.value == expected.by_candidate["counting"]
    assert answer["baselines"] == expected.baselines
    assert answer["features"] == expected.features
    assert answer["state_id"] == answer["profiles_at"] == str(world.shard.state_id)
    assert answer["trained_until"] == state.header.trained_until
    assert (answer["unit"], answer["champion"], answer["serving_from"]) == ("min", "counting", "live")
    assert answer["occurred_at"] == "2026-03-02T00:00:00Z"
    assert answer["event_id"] == "mine"
    assert "degraded" not in answer
    assert "model_version" not in answer


async def test_an_event_without_a_time_takes_the_streams_in_a_replay(world: World) -> None:
    """An event that does not say when it occurred takes the stream's time, when the stream is a replay."""
    async with world.api() as api:
        await api.ready()
        answer = await api.ask()
    assert answer["occurred_at"] == rfc3339(world.shard.learner.time)


async def test_an_event_without_an_id_is_given_one(world: World) -> None:
    """An event without an id is answered under a new one, another each time."""
    async with world.api() as api:
        await api.ready()
        body = {"depot": "depot-1", "distance": 3}
        ids = {(await api.http.post(f"{api.base}/predict", json=body)).json()["event_id"] for _ in range(3)}
    assert len(ids) == 3


async def test_fields_nobody_knows_are_passed_over(world: World) -> None:
    """A field that the event type does not have changes nothing."""
    async with world.api() as api:
        await api.ready()
        assert (await api.ask(colour="green"))["value"] == (await api.ask())["value"]


async def test_a_candidate_that_raises_is_left_out(world: World) -> None:
    """A model that raises for one event does not keep the others from answering; a silent champion is said."""
    async with world.api() as api:
        await api.ready()
        answer = await api.ask(distance=1_000)
    assert set(answer["by_candidate"]) == {"linear"}
    assert "value" not in answer
    assert "counting" in answer["degraded"]


async def test_the_use_case_is_shown_whole(world: World) -> None:
    """The use case shows its question, its event with units, its candidates, its features, and the state that is served."""
    async with world.api() as api:
        shown = await api.ready()
        listed = (await api.http.get("/v1/use-cases")).json()["use_cases"]
    assert shown["question"] == parcel_delay.question
    event = shown["event_schema"]["$defs"]["Parcel"]
    assert event["properties"]["distance"] == {"type": "number", "minimum": 0, "unit": "km"}
    assert event["properties"]["promised"]["format"] == "date-time"
    assert (shown["id_field"], shown["key_field"]) == ("parcel_id", "depot")
    assert shown["candidates"][0] == {"name": "counting", "role": "champion", "about": "counts"}
    assert {it["role"] for it in shown["candidates"][1:]} == {"challenger"}
    assert shown["baselines"] == ["usual"]
    assert shown["features"] == [{"name": "km", "about": "distance, km"}]
    assert (shown["champion"], shown["serving_from"]) == ("counting", "live")
    assert shown["state_id"] == str(world.shard.state_id)
    assert shown["source"] == {"about": "made up", "licence": "CC0-1.0", "replay": True}
    assert listed == [
        {"name": "parcel-delay", "question": parcel_delay.question, "task": "regression", "unit": "min", "ready": True}
    ]


async def test_examples_can_be_asked(world: World) -> None:
    """Every example is an event that is answered; each draw is another, and a seed fixes it."""
    async with world.api() as api:
        await api.ready()
        drawn = [await api.get("/example") for _ in range(20)]
        for event in drawn:
            assert (await api.http.post(f"{api.base}/predict", json=event)).status_code == 200
        assert len({it["parcel_id"] for it in drawn}) == len({it["distance"] for it in drawn}) == 20
        assert await api.get("/example", seed=4) == await api.get("/example", seed=4)


async def test_any_registered_version_can_be_asked(world: World) -> None:
    """`model` names a registered version: the served alias, another alias, or a number."""
    first = await world.register()
    await world.learn()
    second = await world.register()
    await world.registry.set_alias(parcel_delay.name, "rival", first.version)
    async with world.api() as api:
        await api.ready()
        for model, version in [
            ("registered", second),
            ("alias:rival", first),
            ("version:1", first),
            ("version:2", second),
        ]:
            answer = await api.ask(model=model)
            assert (answer["state_id"], answer["model_version"]) == (version.state_id, version.version)
            assert answer["serving_from"] == "registered"
        assert (await api.ask())["serving_from"] == "live"


async def test_few_versions_are_held(world: World) -> None:
    """Asking for one version after another does not fill the memory: the oldest asked for go."""
    for _ in range(5):
        await world.register()
        await world.learn()
    async with world.api(versions_held=2) as api:
        await api.ready()
        for number in range(1, 6):
            await api.ask(model=f"version:{number}")
        assert len(api.replica.serving("parcel-delay")._versions) == 2


async def test_registered_versions_are_listed(world: World) -> None:
    """The registered versions are listed, newest first, with aliases and metrics."""
    await world.register()
    await world.learn()
    await world.register()
    async with world.api() as api:
        found = await api.get("/models")
    assert [it["version"] for it in found["versions"]] == [2, 1]
    assert found["versions"][0]["aliases"] == ["champion"]
    assert found["versions"][0]["metrics"] == {"mae": 1.5}
    assert found["versions"][0]["state_id"] == str(world.shard.state_id)


async def test_metrics_count_answers_and_reloads(world: World) -> None:
    """Requests, answers, reloads and the age of what is served can be scraped."""
    async with world.api() as api:
        await api.ready()
        await api.ask()
        text = (await api.http.get("/metrics")).text
    assert 'millrace_answers_total{serving_from="live",use_case="parcel-delay"}' in text
    assert 'millrace_http_requests_total{route="/v1/use-cases/{use_case}/predict",status="200"}' in text
    assert 'millrace_served_state_age_seconds{use_case="parcel-delay"}' in text
    assert 'millrace_reloads_total{outcome="loaded",use_case="parcel-delay"}' in text

"""Which state answers: the live snapshot, or the registered version while there is none; and how one follows the other."""

from __future__ import annotations

import asyncio

import pytest

from apps.api.loading import trust_in
from millrace.adapters.online.port import Version
from millrace.domain.errors import NotReady
from millrace.learning.sealed import Verify
from tests.api.world import SIGNER, World, parcel_delay


@pytest.fixture
async def world() -> World:
    """Return a world in which something was learnt, and nothing is published."""
    world = World()
    await world.learn()
    return world


async def test_a_replica_with_nothing_to_serve_is_alive_and_turns_ready_by_itself(world: World) -> None:
    """With nothing published, /livez is green and /readyz red with the reason; a snapshot makes it ready (drill 14)."""
    async with world.api() as api:
        await asyncio.sleep(0.1)
        red = await api.http.get("/readyz")
        assert red.status_code == 503
        assert "published" in red.json()["use_cases"]["parcel-delay"]["reason"]
        assert (await api.http.get("/livez")).status_code == 200
        assert "published" in (await api.ask(status=503))["detail"]
        assert "published" in (await api.get())["degraded"]
        state_id = await world.publish()
        await api.ready()
        assert (await api.http.get("/readyz")).json() == {
            "ready": True,
            "use_cases": {"parcel-delay": {"ready": True, "state_id": state_id}},
        }


async def test_a_replica_without_keys_waits_for_them(world: World, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The trainer makes the keys: until they are there nothing is trusted, and the reason is told."""
    key = tmp_path_factory.mktemp("keys") / "trainer.pub"
    await world.publish()
    async with world.api(verify=trust_in([key])) as api:
        await asyncio.sleep(0.1)
        assert "trainer.pub" in (await api.http.get("/readyz")).json()["use_cases"]["parcel-delay"]["reason"]
        key.write_bytes(SIGNER.public_pem())
        assert (await api.ready())["serving_from"] == "live"


async def test_newer_snapshots_are_served_as_they_come(world: World) -> None:
    """Each snapshot that is published is served soon after."""
    async with world.api() as api:
        for _ in range(3):
            await world.learn()
            state_id = await world.publish()
            await api.until(lambda shown, wanted=state_id: shown.get("state_id") == wanted)  # type: ignore[misc]
            assert (await api.ask())["state_id"] == state_id


@pytest.mark.parametrize("fault", ["away", "flushed"])
async def test_without_the_online_store_the_registered_version_answers_until_it_is_back(
    world: World, fault: str
) -> None:
    """A lost or emptied online store: the registered version answers, degraded, saying so; then live again by itself."""
    registered = await world.register()
    await world.learn()
    live = await world.publish()
    async with world.api() as api:
        assert (await api.ready())["state_id"] == live
        world.online.away = fault == "away"
        if fault == "flushed":
            world.online.flush()
        shown = await api.until(lambda it: it["serving_from"] == "registered")
        assert shown["degraded"]
        answer = await api.ask()
        assert (answer["state_id"], answer["model_version"]) == (registered.state_id, registered.version)
        assert answer["degraded"] == shown["degraded"]
        assert (await api.http.get("/readyz")).status_code == 200
        world.online.away = False
        live = await world.publish()
        shown = await api.until(lambda it: it["serving_from"] == "live")
        assert shown["state_id"] == live
        assert "degraded" not in shown


async def test_without_the_online_store_the_alias_alone_moves_what_is_served(world: World) -> None:
    """With no online store at all, moving the alias changes the version that answers."""
    first = await world.register()
    await world.learn()
    second = await world.register()
    world.online.away = True
    async with world.api() as api:
        await api.until(lambda it: it.get("model_version") == second.version)
        await world.registry.set_alias(parcel_delay.name, "champion", first.version)
        await api.until(lambda it: it.get("model_version") == first.version)
        assert (await api.ask())["state_id"] == first.state_id


async def test_serving_can_be_told_to_use_registered_versions_only(world: World) -> None:
    """Told to serve what an alias names, the API does, live snapshot or not, and does not call that degraded."""
    await world.register()
    await world.learn()
    await world.publish()
    async with world.api(serve_from="registered") as api:
        shown = await api.ready()
    assert shown["serving_from"] == "registered"
    assert "degraded" not in shown


async def test_with_every_store_away_the_last_state_answers(world: World) -> None:
    """Online store and registry both lost: what was served last goes on answering, degraded."""
    state_id = await world.publish()
    async with world.api() as api:
        await api.ready()
        world.online.away = world.registry.away = True
        await api.until(lambda it: "degraded" in it and "registry" in it["degraded"])
        answer = await api.ask()
        assert answer["state_id"] == state_id
        assert "online store" in answer["degraded"]


async def test_a_registry_that_is_away_changes_nothing_while_snapshots_come(world: World) -> None:
    """Live answers do not need the registry, and it is not even asked."""
    world.registry.away = True
    await world.publish()
    async with world.api() as api:
        shown = await api.ready()
        await asyncio.sleep(0.2)
        assert "degraded" not in shown
        assert world.registry.asked <= 2


async def test_a_version_that_was_asked_for_answers_while_the_registry_is_away(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Registered answers go on from what the alias named last, and say so; the alias is heard again when it can be."""
    monkeypatch.setattr("apps.api.serving._ASKED_AGAIN", 0.0)
    await world.publish()
    first = await world.register()
    async with world.api() as api:
        await api.ready()
        assert "degraded" not in await api.ask(model="registered")
        world.registry.away = True
        answer = await api.ask(model="registered")
        assert (answer["state_id"], answer["degraded"]) == (first.state_id, "the registry does not answer")
        event = await api.get("/example")
        unknown = await api.http.post(f"{api.base}/predict", params={"model": "alias:rival"}, json=event)
        assert unknown.status_code == 503
        world.registry.away = False
        await world.learn()
        second = await world.register()
        answer = await api.ask(model="registered")
        assert (answer["state_id"], "degraded" in answer) == (second.state_id, False)


def flipped(sealed: bytes) -> bytes:
    """Change the last byte."""
    return sealed[:-1] + bytes([sealed[-1] ^ 1])


def cut(sealed: bytes) -> bytes:
    """Lose the end."""
    return sealed[: len(sealed) // 2]


@pytest.mark.parametrize("change", [flipped, cut])
async def test_a_tampered_snapshot_is_refused_and_the_state_before_goes_on(world: World, change: object) -> None:
    """A torn or changed snapshot is never opened: the one before answers, and why is told; a good one mends it."""
    good = await world.publish()
    async with world.api() as api:
        await api.ready()
        newer = Version(world.shard.epoch, world.shard.offset + 1)
        world.online.tamper(change, newer)  # type: ignore[arg-type]
        shown = await api.until(lambda it: "degraded" in it)
        assert (shown["state_id"], shown["serving_from"]) == (good, "live")
        assert (await api.ask())["degraded"] == shown["degraded"]
        await world.learn()
        await world.learn()
        mended = await world.publish()
        shown = await api.until(lambda it: "degraded" not in it)
        assert shown["state_id"] == mended


async def test_a_state_signed_by_somebody_else_is_never_served(world: World) -> None:
    """A snapshot whose signature no trusted key made is not served, even if there is nothing else."""

    def refusing() -> Verify:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        from millrace.runtime.signing import PublicKeys, Signer

        return PublicKeys([Signer(Ed25519PrivateKey.generate()).public_pem()]).verify

    await world.publish()
    async with world.api(verify=refusing) as api:
        await asyncio.sleep(0.1)
        assert "signature" in (await api.ask(status=503))["detail"]


async def test_no_answer_mixes_two_states_and_none_fails_while_states_change(world: World) -> None:
    """Under load, through many reloads: every answer is one state's own, and every request is answered.

    Both counting models answer how many labels their state has learnt; a mixed answer would have two numbers, or another
    number than its state's.
    """
    learnt: dict[str, float] = {}

    async def teach() -> None:
        for _ in range(25):
            await world.learn(5)
            sealed_at = await world.publish()
            learnt[sealed_at] = world.shard.learner.contest.players["counting"].model.learnt
            await asyncio.sleep(0.02)

    learnt[await world.publish()] = world.shard.learner.contest.players["counting"].model.learnt
    async with world.api() as api:
        await api.ready()
        teaching = asyncio.create_task(teach())
        met: dict[str, set[float]] = {}
        while not teaching.done():
            for answer in await asyncio.gather(*(api.ask() for _ in range(8))):
                found = answer["by_candidate"]
                assert found["counting"] == found["again"] == answer["value"]
                met.setdefault(answer["state_id"], set()).add(answer["value"])
        await teaching
    assert len(met) > 5
    assert met == {state_id: {learnt[state_id]} for state_id in met}


async def test_keys_are_read_from_every_file_that_is_there(
    world: World, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """While one key replaces another, either may have signed; with none, the reason names what is missing."""
    folder = tmp_path_factory.mktemp("keys")
    trust = trust_in([folder / "old.pub", folder / "new.pub"])
    with pytest.raises(NotReady, match=r"old\.pub"):
        trust()
    (folder / "new.pub").write_bytes(SIGNER.public_pem())
    trust()(b"message", SIGNER.sign(b"message"))


@pytest.mark.parametrize("end", [RuntimeError("broken"), asyncio.CancelledError()])
async def test_a_loop_that_ends_makes_the_replica_not_live(world: World, end: BaseException) -> None:
    """Whatever ends a loop while the process lives on, an error or a stray cancellation: /livez turns red and says which."""

    async def look() -> float:
        raise end

    app, replica = world.app()
    replica.serving(parcel_delay.name).look_live = look  # type: ignore[method-assign]
    async with app.router.lifespan_context(app):
        await asyncio.sleep(0.1)
        live = replica.health.live()
    assert not live["live"]
    assert f"{parcel_delay.name} live" in live["dead"]

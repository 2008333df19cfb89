"""What a caller is told who asks for what cannot be answered."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.api.world import Api, World

EVENT = {"parcel_id": "mine", "depot": "depot-1", "distance": 12.5}


@pytest.fixture
async def world() -> World:
    """Return a world in which something was learnt and published."""
    world = World()
    await world.learn()
    await world.publish()
    return world


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """Return a problem document, once it has the form of one."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert set(found) - {"field"} == {"type", "title", "status", "detail"}
    assert found["status"] == status
    return found


async def post(api: Api, event: dict[str, Any], **params: Any) -> httpx.Response:
    """Ask about an event."""
    return await api.http.post(f"{api.base}/predict", json=event, params=params)


@pytest.mark.parametrize(
    ("wrong", "field", "quoted"),
    [
        ({"distance": "far"}, "distance", '"far"'),
        ({"distance": -1}, "distance", "-1"),
        ({"distance": None}, "distance", "null"),
        ({"depot": 7}, "depot", "7"),
        ({"weather": "fog"}, "weather", '"fog"'),
        ({"occurred_at": "yesterday"}, "occurred_at", "yesterday"),
        ({"occurred_at": "2026-03-01T00:00:00"}, "occurred_at", "2026-03-01T00:00:00"),
        ({"occurred_at": "1970-01-01T00:00:00Z"}, "occurred_at", "1970"),
        ({"occurred_at": "2500-01-01T00:00:00Z"}, "occurred_at", "2500"),
        ({"occurred_at": None}, "occurred_at", "null"),
        ({"parcel_id": 4}, "parcel_id", "4"),
    ],
)
async def test_a_wrong_field_is_named_with_what_was_given(
    world: World, wrong: dict[str, Any], field: str, quoted: str
) -> None:
    """An event that breaks its type is refused with 422: the field is named, what was given is quoted."""
    async with world.api() as api:
        await api.ready()
        found = problem(await post(api, EVENT | wrong), 422)
    assert found["field"] == field
    assert quoted in found["detail"]


@pytest.mark.parametrize("field", ["depot", "distance"])
async def test_a_missing_field_is_named(world: World, field: str) -> None:
    """An event that lacks what cannot be made up is refused, naming it; time and id can be made up."""
    async with world.api() as api:
        await api.ready()
        found = problem(await post(api, {name: value for name, value in EVENT.items() if name != field}), 422)
    assert found["field"] == field
    assert "missing" in found["detail"]


@pytest.mark.parametrize("body", [b"", b"{", b"{'a': 1}", b"\xff\xfe", b'{"distance": NaN}', b'{"a":' + b"[" * 20_000])
async def test_what_is_no_json_is_400(world: World, body: bytes) -> None:
    """A body that is no JSON is refused as such, however deep or broken."""
    async with world.api() as api:
        await api.ready()
        problem(await api.http.post(f"{api.base}/predict", content=body), 400)


@pytest.mark.parametrize("body", [b"[]", b"3", b'"x"', b"null"])
async def test_json_that_is_no_object_is_422(world: World, body: bytes) -> None:
    """An event is a JSON object."""
    async with world.api() as api:
        await api.ready()
        assert "object" in problem(await api.http.post(f"{api.base}/predict", content=body), 422)["detail"]


async def test_an_event_the_features_cannot_be_made_of_is_422(world: World) -> None:
    """What a use case's own code raises for an event is the event's fault, and is told."""
    async with world.api() as api:
        await api.ready()
        found = problem(await post(api, EVENT | {"promised": "2026-03-01T00:00:00"}), 422)
    assert "features" in found["detail"]


async def test_a_large_body_is_413(world: World) -> None:
    """A body beyond the limit is refused, whether it says its length or comes in pieces."""

    async def pieces() -> Any:
        for _ in range(10):
            yield b" " * 100

    async with world.api(max_body=500) as api:
        await api.ready()
        problem(await api.http.post(f"{api.base}/predict", content=b" " * 501), 413)
        problem(await api.http.post(f"{api.base}/predict", content=pieces()), 413)


@pytest.mark.parametrize(
    "model", ["", "champion", "alias:", "alias:7", "version:x", "version:-1", "version:" + "9" * 40]
)
async def test_a_model_that_cannot_be_named_so_is_422(world: World, model: str) -> None:
    """`model` says registered, alias:NAME or version:NUMBER."""
    async with world.api() as api:
        await api.ready()
        assert problem(await post(api, EVENT, model=model), 422)["field"] == "model"


@pytest.mark.parametrize("model", ["registered", "alias:nobody", "version:12"])
async def test_a_version_that_is_not_there_is_404(world: World, model: str) -> None:
    """A version nobody registered is missing, not wrong."""
    async with world.api() as api:
        await api.ready()
        problem(await post(api, EVENT, model=model), 404)


@pytest.mark.parametrize("path", ["", "/example", "/models", "/scorecards", "/predictions"])
async def test_an_unknown_use_case_is_404_and_the_known_are_named(world: World, path: str) -> None:
    """Who asks for a use case that is not there is told which are."""
    async with world.api() as api:
        found = problem(await api.http.get(f"/v1/use-cases/nothing{path}"), 404)
    assert "parcel-delay" in found["detail"]


@pytest.mark.parametrize(("path", "limit"), [("/scorecards", 0), ("/predictions", -3), ("/predictions", "many")])
async def test_a_wrong_parameter_is_named(world: World, path: str, limit: object) -> None:
    """A parameter that is wrong is named as a field is."""
    async with world.api() as api:
        found = problem(await api.http.get(f"{api.base}{path}", params={"limit": limit}), 422)
    assert found["field"] == "limit"


async def test_other_pages_and_methods_are_problems_too(world: World) -> None:
    """Every refusal has the one form."""
    async with world.api() as api:
        problem(await api.http.get("/nothing"), 404)
        problem(await api.http.delete("/v1/use-cases"), 405)
        problem(await api.http.get(f"{api.base}/predict"), 405)


async def test_a_registry_that_is_away_is_503(world: World) -> None:
    """What needs the registry says so when it is away; live answers do not need it."""
    world.registry.away = True
    async with world.api() as api:
        await api.ready()
        answer = await api.http.get(f"{api.base}/models")
        assert "does not answer" in problem(answer, 503)["detail"]
        assert answer.headers["retry-after"]
        problem(await post(api, EVENT, model="registered"), 503)
        assert (await api.ask())["serving_from"] == "live"

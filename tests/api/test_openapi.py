"""The description of the API says what the use case's type says."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.api.test_stream import show_views
from tests.api.world import World

PREDICT = "/v1/use-cases/parcel-delay/predict"


@pytest.fixture
async def world() -> World:
    """Return a world in which something was learnt and published."""
    world = World()
    await world.learn()
    await world.publish()
    return world


async def described(world: World) -> dict[str, Any]:
    """Return the OpenAPI document."""
    async with world.api() as api:
        found: dict[str, Any] = (await api.http.get("/openapi.json")).json()
    return found


async def test_the_description_is_valid_openapi(world: World) -> None:
    """It holds to the OpenAPI 3.1 standard, and every reference in it leads somewhere."""
    OpenAPIV31SpecValidator(await described(world)).validate()


async def test_each_use_case_has_its_own_address_with_its_own_event(world: World) -> None:
    """The event's fields, bounds and units are in the description of the address that takes it."""
    document = await described(world)
    body = document["paths"][PREDICT]["post"]["requestBody"]["content"]["application/json"]["schema"]
    name = body["$ref"].removeprefix("#/components/schemas/")
    event = document["components"]["schemas"][name]
    assert event["properties"]["distance"] == {"type": "number", "minimum": 0, "unit": "km"}
    assert event["properties"]["weather"]["enum"] == ["dry", "rain"]
    assert "depot" in event["required"]


async def test_every_refusal_is_described_as_a_problem(world: World) -> None:
    """What is not 200 is a problem document, and says when it comes."""
    responses = (await described(world))["paths"][PREDICT]["post"]["responses"]
    assert {"400", "413", "422", "429", "503"} < set(responses)
    assert all(responses[it]["content"].keys() == {"application/problem+json"} for it in responses if it != "200")


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        ("", "Detail"),
        ("/models", "Versions"),
        ("/scorecards", "Scorecards"),
        ("/predictions", "Predictions"),
        ("/predict", "Answered"),
        ("/views", "Views"),
    ],
)
async def test_what_is_answered_is_what_is_described(world: World, path: str, schema: str) -> None:
    """Each reply fits its schema."""
    await world.register()
    await show_views(world)
    document = await described(world)
    async with world.api() as api:
        await api.ready()
        reply = await (api.ask() if path == "/predict" else api.get(path))
    Draft202012Validator({**document, "$ref": f"#/components/schemas/{schema}"}).validate(reply)


async def test_examples_fit_the_schema_that_is_shown(world: World) -> None:
    """A form made from the schema takes every example."""
    async with world.api() as api:
        schema = (await api.ready())["event_schema"]
        for _ in range(10):
            Draft202012Validator(schema).validate(await api.get("/example"))

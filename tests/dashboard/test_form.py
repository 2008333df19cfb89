"""The form comes from the event's schema alone, and gives back an event of it."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.dashboard import form
from millrace.domain.errors import Refused
from millrace.usecases import find, names
from tests.dashboard.fake_api import SCHEMA, FakeApi

EXAMPLE = FakeApi().example()


def by_name(fields: list[form.Field]) -> dict[str, form.Field]:
    return {it.name: it for it in fields}


def texts(fields: list[form.Field]) -> dict[str, str]:
    return {it.name: it.value for it in fields}


def test_each_field_has_the_kind_its_type_says() -> None:
    """Types, choices, bounds and units come from the schema; a time without a format is known by its example."""
    made = by_name(form.fields(SCHEMA, EXAMPLE))
    kinds = {name: it.kind for name, it in made.items()}
    assert kinds == {
        "occurred_at": "moment",
        "parcel_id": "text",
        "depot": "text",
        "distance": "number",
        "weather": "choice",
        "stops": "number",
        "promised": "moment",
        "signed": "yes-no",
        "temperature": "number",
        "tour": "text",
    }
    assert made["weather"].choices == ["dry", "rain", "snow"]
    assert (made["distance"].low, made["distance"].high, made["distance"].unit) == ("0", "900", "km")
    assert (made["stops"].step, made["distance"].step) == ("1", "any")


def test_needed_fields_are_marked_and_the_time_is_not_needed() -> None:
    """What the schema requires is needed, but the time: the API takes the present or the stream's."""
    needed = {it.name for it in form.fields(SCHEMA) if it.required}
    assert needed == {"parcel_id", "depot", "distance", "weather", "stops", "promised", "signed"}


def test_an_example_goes_through_the_form_unchanged() -> None:
    """What "Randomize all fields" fills in is what Predict sends."""
    made = form.fields(SCHEMA, EXAMPLE)
    assert form.event(made, texts(made)) == EXAMPLE


@pytest.mark.parametrize("name", names())
def test_every_use_case_that_ships_has_a_form(name: str) -> None:
    """The form knows every type an event uses."""
    schema = msgspec.json.schema(find(name).event)
    assert {it.kind for it in form.fields(schema)} <= {"text", "number", "moment", "choice", "yes-no", "place", "other"}


def test_empty_is_left_out_and_needed_is_asked_for() -> None:
    """An empty field is no value; an empty needed field is a mistake at that field."""
    made = form.fields(SCHEMA, EXAMPLE)
    assert "tour" not in form.event(made, texts(made))
    with pytest.raises(Refused) as wrong:
        form.event(made, {**texts(made), "depot": " "})
    assert wrong.value.field == "depot"


@pytest.mark.parametrize(("name", "text"), [("distance", "far"), ("stops", "1.5"), ("promised", "tomorrow")])
def test_a_mistake_names_its_field(name: str, text: str) -> None:
    """What cannot be read is told at the field it was typed into."""
    made = form.fields(SCHEMA, EXAMPLE)
    with pytest.raises(Refused) as wrong:
        form.event(made, {**texts(made), name: text})
    assert wrong.value.field == name
    assert text in str(wrong.value)


def test_blame_shows_at_one_field_and_goes_with_the_next_filling() -> None:
    """An error is shown at its field only, until the form is filled anew."""
    blamed = form.blamed(form.fields(SCHEMA, EXAMPLE), "depot", "unknown")
    assert {it.name for it in blamed if it.error} == {"depot"}
    assert not [it for it in form.filled(blamed, EXAMPLE) if it.error]


def test_choices_that_are_numbers_come_back_as_numbers() -> None:
    """An event gets the type its schema names, though a form knows only text."""
    schema = {"properties": {"lane": {"enum": [1, 2]}, "codes": {"type": "array", "items": {"type": "integer"}}}}
    made = form.fields(schema, {"lane": 2, "codes": [4, 5]})
    assert form.event(made, texts(made)) == {"lane": 2, "codes": [4, 5]}


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e9, max_value=1e9))
def test_numbers_survive_the_form(value: float) -> None:
    """A number keeps ten digits on its way through the form."""
    made = form.fields({"properties": {"x": {"type": "number"}}}, {"x": value})
    assert form.event(made, texts(made))["x"] == pytest.approx(value, rel=1e-9, abs=1e-12)


PLACES = {
    "$ref": "#/$defs/Ride",
    "$defs": {
        "Ride": {"type": "object", "properties": {"origin": {"$ref": "#/$defs/Location"}}, "required": ["origin"]},
        "Location": {"type": "object", "properties": {"lat": {"type": "number"}, "lon": {"type": "number"}}},
    },
}


@pytest.mark.parametrize(("lat", "lon"), [(52.52, 13.4), (-33.9, -70.0), (0.0, 180.0)])
def test_a_place_is_typed_as_latitude_and_longitude(lat: float, lon: float) -> None:
    """A field with both is known by its type, and goes through the form unchanged."""
    made = form.fields(PLACES, {"origin": {"lat": lat, "lon": lon}})
    assert by_name(made)["origin"].kind == "place"
    assert form.event(made, texts(made)) == {"origin": {"lat": lat, "lon": lon}}


@pytest.mark.parametrize("typed", ["here", "52.5", "52,5, 13,4"])
def test_what_is_no_place_is_refused(typed: str) -> None:
    """The message shows how one is written, and names the field."""
    with pytest.raises(Refused, match=r"52\.52, 13\.4") as refused:
        form.event(form.fields(PLACES), {"origin": typed})
    assert refused.value.field == "origin"

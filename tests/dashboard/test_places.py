"""The map: drawn of places alone, within its frame, whatever they are."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest

from apps.dashboard.places import MOST, drawn
from apps.dashboard.replies import Place, Published

SVG = {"viewBox", "role", "aria-label", "class"}


def published(number: int, *places: tuple[float, float], value: float | None = 1.0, key: str = "depot") -> Published:
    return Published(
        event_id=f"e{number}",
        key=key,
        occurred_at=datetime(2026, 3, 1, tzinfo=UTC),
        state_id="parcel-delay.0.1.1",
        champion="linear",
        value=value,
        by_candidate={},
        places={f"place_{n}": Place(lat=lat, lon=lon) for n, (lat, lon) in enumerate(places)},
    )


def test_without_places_there_is_no_map() -> None:
    """A use case without locations has no empty panel."""
    assert drawn([published(1)], "min") == ""


@pytest.mark.parametrize(
    "places",
    [
        [(45.7, 9.6), (45.71, 9.7)],
        [(45.7, 9.6)],
        [(45.7, 9.6), (45.7, 9.6)],
        [(-33.9, -70.1), (64.1, 25.4)],
        [(89.9, -179.0), (89.9, 179.0)],
    ],
    ids=["a way", "one place", "the same place twice", "two continents", "near the pole"],
)
def test_every_place_lies_within_the_frame(places: list[tuple[float, float]]) -> None:
    """Dots and lines are inside the picture, which is neither flat nor endless."""
    picture = ElementTree.fromstring(drawn([published(1, *places)], "min"))
    _, _, width, height = (float(it) for it in picture.attrib["viewBox"].split())
    assert 0.3 < height / width < 1
    dots = [(float(it.attrib["cx"]), float(it.attrib["cy"])) for it in picture.iter("circle")]
    assert len(dots) == len(places)
    assert all(0 < x < width and 0 < y < height for x, y in dots)
    assert len(list(picture.iter("polyline"))) == (len(places) > 1)


def test_the_sides_are_told_in_degrees() -> None:
    """South and west have their own letters."""
    told = [
        it.text
        for it in ElementTree.fromstring(drawn([published(1, (-34.0, -71.0), (-33.0, -70.0))], "min")).iter("text")
    ]
    assert [str(it)[-1] for it in told] == ["S", "S", "W", "W"]


def test_higher_values_are_stronger_and_the_newest_lie_on_top() -> None:
    """The order of values is that of the colours; what is newest is drawn last."""
    made = [published(n, (45.0, 9.0 + n), value=float(value)) for n, value in enumerate([5, 1, 9])]
    told = re.findall(r'opacity="([0-9.]+)"', drawn(made, "min"))
    assert told == ["1.00", "0.25", "0.62"]


def test_what_a_key_says_is_text() -> None:
    """A key is somebody else's: it must not become markup."""
    picture = drawn([published(1, (45.0, 9.0), key="<script>alert(1)</script>")], "min")
    assert "<script" not in picture
    assert ElementTree.fromstring(picture).attrib.keys() == SVG


def test_a_map_is_small() -> None:
    """It goes to every viewer: only the newest are drawn, in a few kilobytes."""
    picture = drawn([published(n, (45.0, 9.0 + n / 100), (45.1, 9.1)) for n in range(400)], "min")
    assert picture.count("<g ") == MOST
    assert len(picture) < 10_000

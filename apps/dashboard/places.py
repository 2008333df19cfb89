"""A map of the newest predictions, as SVG: drawn from the events' own places, without tiles or the net."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import cos, radians
from typing import NamedTuple

from apps.dashboard import words
from apps.dashboard.replies import Place, Published

MOST = 40
"""Predictions on a map."""
WIDTH, EDGE = 640.0, 26.0
NARROWEST, TALLEST = 0.4, 0.8
"""A map's height, as a share of its width."""


class Frame(NamedTuple):
    """What a map shows: degrees, and the height it is drawn with. East and west shrink with the latitude."""

    south: float
    north: float
    west: float
    east: float
    height: float

    def at(self, place: Place) -> tuple[float, float]:
        """Return where a place is drawn."""
        across = (place.lon - self.west) / (self.east - self.west)
        up = (place.lat - self.south) / (self.north - self.south)
        return EDGE + across * (WIDTH - 2 * EDGE), self.height - EDGE - up * (self.height - 2 * EDGE)


def drawn(predictions: Sequence[Published], unit: str) -> str:
    """Return a map of the newest predictions that have a place, the newest on top; empty where none has."""
    shown = [it for it in predictions if it.places][:MOST]
    if not shown:
        return ""
    frame = _frame([place for it in shown for place in it.places.values()])
    values = sorted(it.value for it in shown if it.value is not None)
    marks = "".join(_mark(it, frame, values, unit) for it in reversed(shown))
    label = f"Map of the newest {len(shown)} predictions; a stronger colour is a higher value"
    return (
        f'<svg viewBox="0 0 {WIDTH:.0f} {frame.height:.0f}" role="img" aria-label="{label}" class="places">'
        f"{_edges(frame)}{marks}</svg>"
    )


def _frame(places: Sequence[Place]) -> Frame:
    """Return the frame that holds all places, no flatter and no taller than a page bears."""
    lats, lons = [it.lat for it in places], [it.lon for it in places]
    south, north, west, east = min(lats), max(lats), min(lons), max(lons)
    shrunk = max(cos(radians((south + north) / 2)), 0.1)
    tall, wide = max(north - south, 0.002), max((east - west) * shrunk, 0.002)
    wide, tall = max(wide, tall / TALLEST), max(tall, wide * NARROWEST)
    lat, lon, half = (south + north) / 2, (west + east) / 2, wide / shrunk / 2
    height = 2 * EDGE + (WIDTH - 2 * EDGE) * tall / wide
    return Frame(lat - tall / 2, lat + tall / 2, lon - half, lon + half, height)


def _edges(frame: Frame) -> str:
    """Draw the frame, with the degrees of its sides."""
    box = f'<rect x="1" y="1" width="{WIDTH - 2:.0f}" height="{frame.height - 2:.0f}" rx="8" class="ground"/>'
    middle = frame.height / 2
    told = [
        (WIDTH / 2, 16.0, _degrees(frame.north, "NS")),
        (WIDTH / 2, frame.height - 8, _degrees(frame.south, "NS")),
        (34.0, middle, _degrees(frame.west, "EW")),
        (WIDTH - 34, middle, _degrees(frame.east, "EW")),
    ]
    return box + "".join(f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="middle">{text}</text>' for x, y, text in told)


def _degrees(value: float, sides: str) -> str:
    return f"{abs(value):.2f}° {sides[value < 0]}"


def _mark(it: Published, frame: Frame, values: Sequence[float], unit: str) -> str:
    """Draw one prediction: a dot at each place, and the way from the first to the last."""
    points = [frame.at(place) for place in it.places.values()]
    strength = 0.25 + 0.75 * (values.index(it.value) / max(len(values) - 1, 1) if it.value is not None else 0.0)
    told = " ".join(words.quantity(it.value, unit)).strip()
    way = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    line = f'<polyline points="{way}"/>' if len(points) > 1 else ""
    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{5 if last else 3}"/>'
        for (x, y), last in zip(points, [*[False] * (len(points) - 1), True], strict=True)
    )
    return f'<g opacity="{strength:.2f}"><title>{escape(it.key)}: {escape(told)}</title>{line}{dots}</g>'

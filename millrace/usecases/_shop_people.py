"""Who visits the simulated shop: goods, customers with habits, and the ways in which one visits."""

from __future__ import annotations

from math import exp
from random import Random
from typing import Literal, NamedTuple

import msgspec

from millrace import Location

CUSTOMERS, AUTOMATA = 2_500, 60
PRODUCTS_EACH = 40
"""Products of each category."""
HABIT = 0.6
"""Share of visits that are in the customer's usual way."""

EventType = Literal["page_view", "search", "add_to_cart", "remove_from_cart", "purchase"]
TYPES: tuple[EventType, ...] = ("page_view", "search", "add_to_cart", "remove_from_cart", "purchase")
Category = Literal["shoes", "clothing", "kitchen", "garden", "electronics", "books", "toys", "sports"]
TYPICAL: dict[Category, float] = {
    "shoes": 4.3,
    "clothing": 3.7,
    "kitchen": 3.6,
    "garden": 3.9,
    "electronics": 5.2,
    "books": 2.7,
    "toys": 3.1,
    "sports": 4.0,
}
"""The logarithm of a usual price."""
CATEGORIES = tuple(TYPICAL)
CITIES = ((52.52, 13.40), (48.14, 11.58), (48.86, 2.35), (40.42, -3.70), (41.90, 12.50), (50.85, 4.35), (52.37, 4.90))
REFERRERS = ("https://search.example/", "https://social.example/", "https://mail.example/", None)


class DeviceInfo(msgspec.Struct, frozen=True):
    """What a visitor's browser says it runs on."""

    os: str
    browser: str


DEVICES = tuple(
    DeviceInfo(os, browser)
    for os, browser in (
        ("Android", "Chrome"),
        ("iOS", "Safari"),
        ("Windows", "Chrome"),
        ("Windows", "Edge"),
        ("macOS", "Safari"),
        ("Linux", "Firefox"),
    )
)


class Product(NamedTuple):
    """What is sold; `reduced` means that it is on the sale pages."""

    name: str
    category: Category
    price: float
    reduced: bool


class Way(NamedTuple):
    """A way to visit: `types` are weights in the order of `TYPES`, `dwell` the usual seconds on a page, `length` the events.

    `sale` is the share of reduced products, `roams` the chance to go on in another category. `uneven` is how much visits of
    the same way differ, `hours` in which it is more common.
    """

    share: float
    types: tuple[float, float, float, float, float]
    dwell: float
    spread: float
    length: float
    sale: float
    roams: float
    uneven: float
    hours: range
    amount: int = 1


WAYS: dict[str, Way] = {
    "browser": Way(0.40, (86, 6, 6, 2, 0.5), 24, 0.7, 9, 0.15, 0.45, 0.45, range(17, 23)),
    "bargain hunter": Way(0.21, (48, 14, 22, 13, 3), 15, 0.6, 14, 0.75, 0.35, 0.45, range(12, 20)),
    "researcher": Way(0.18, (60, 34, 4, 1.5, 0.5), 75, 0.7, 13, 0.15, 0.08, 0.45, range(19, 24)),
    "quick buyer": Way(0.16, (38, 14, 26, 2, 20), 12, 0.5, 6, 0.2, 0.08, 0.35, range(7, 14)),
    "bot": Way(0.05, (95, 3, 1.5, 0.5, 0), 1.6, 0.35, 30, 0.2, 0.5, 0.4, range(6)),
}
RESELLER = Way(0.0, (26, 6, 52, 2, 14), 6, 0.4, 12, 0.85, 0.02, 0.3, range(24), amount=6)
"""Comes with the drift that brings a new kind of visit."""


class Customer(NamedTuple):
    """Somebody, or something, who comes again."""

    name: str
    home: Location
    device: DeviceInfo
    category: Category


class Manner(NamedTuple):
    """How one visit is: a way, made uneven."""

    types: tuple[float, ...]
    dwell: float
    spread: float
    length: int
    sale: float
    roams: float
    amount: int


def manner(rng: Random, way: Way) -> Manner:
    """Return how one visit in a way is: nobody does it quite like another, and one in ten is half in another way."""
    other = rng.choice(list(WAYS.values())) if rng.random() < 0.1 else way
    types = tuple((a + b) / 2 * exp(rng.gauss(0, way.uneven)) for a, b in zip(way.types, other.types, strict=True))
    dwell = (way.dwell * other.dwell) ** 0.5 * exp(rng.gauss(0, 0.8 * way.uneven))
    length = 1 + int(rng.expovariate(1 / (way.length - 1)) * 0.6 + 0.4 * (way.length - 1))
    sale = min(max((way.sale + other.sale) / 2 + rng.gauss(0, 0.12), 0.0), 1.0)
    return Manner(types, dwell, way.spread, length, sale, way.roams, way.amount)


def products(rng: Random) -> dict[Category, list[Product]]:
    """Return what is sold, by category."""
    return {
        category: [
            Product(f"{category}-{number}", category, _price(rng, category), number % 4 == 0)
            for number in range(PRODUCTS_EACH)
        ]
        for category in CATEGORIES
    }


def _price(rng: Random, category: Category) -> float:
    return round(rng.lognormvariate(TYPICAL[category], 0.5), 2)


def customers(rng: Random) -> dict[str, list[Customer]]:
    """Return customers by the way in which they usually visit; automata by themselves."""
    human = [way for way in WAYS if way != "bot"]
    found: dict[str, list[Customer]] = {way: [] for way in WAYS}
    for number in range(CUSTOMERS):
        found[rng.choices(human, [WAYS[way].share for way in human])[0]].append(_customer(rng, number))
    found["bot"] = [_customer(rng, CUSTOMERS + number) for number in range(AUTOMATA)]
    return found


def _customer(rng: Random, number: int) -> Customer:
    lat, lon = rng.choice(CITIES)
    home = Location(round(lat + rng.gauss(0, 0.1), 5), round(lon + rng.gauss(0, 0.1), 5))
    return Customer(f"c{number}", home, rng.choice(DEVICES), rng.choice(CATEGORIES))

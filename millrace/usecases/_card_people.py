"""Who pays where in simulated card payments: cities, shops, card holders and their devices."""

from __future__ import annotations

from itertools import accumulate
from math import exp
from random import Random
from typing import Any, Literal, NamedTuple

import msgspec

from millrace import Location

HOLDERS, MERCHANTS, GIFT_SHOPS = 1_500, 360, 12
HOURS = (3, 2, 1, 1, 1, 2, 4, 8, 10, 10, 11, 13, 15, 13, 12, 12, 13, 15, 16, 15, 13, 11, 8, 5)
FORGETFUL = 0.03
"""Share of holders who now and then dispute what they have bought themselves."""

Category = Literal[
    "groceries",
    "restaurants",
    "fuel",
    "clothing",
    "electronics",
    "travel",
    "digital_goods",
    "games",
    "gift_cards",
    "jewellery",
]
TYPICAL: dict[Category, float] = {
    "groceries": 3.4,
    "restaurants": 3.2,
    "fuel": 3.8,
    "clothing": 4.0,
    "electronics": 4.9,
    "travel": 5.0,
    "digital_goods": 2.5,
    "games": 2.8,
    "gift_cards": 3.9,
    "jewellery": 5.0,
}
"""The logarithm of a usual amount."""
ONLINE_ONLY = ("digital_goods", "games", "gift_cards")


class City(NamedTuple):
    """A place where people live."""

    lat: float
    lon: float
    currency: str


CITIES = (
    City(52.52, 13.40, "EUR"),
    City(48.14, 11.58, "EUR"),
    City(48.86, 2.35, "EUR"),
    City(40.42, -3.70, "EUR"),
    City(41.90, 12.50, "EUR"),
    City(51.51, -0.13, "GBP"),
    City(47.38, 8.54, "CHF"),
    City(52.23, 21.01, "PLN"),
    City(59.33, 18.07, "SEK"),
    City(40.71, -74.01, "USD"),
)


class DeviceInfo(msgspec.Struct, frozen=True):
    """What a payment tells of the device it was made on."""

    os: str
    browser: str


class Device(NamedTuple):
    """A device: what it tells of itself."""

    info: DeviceInfo
    agent: str


class Merchant(NamedTuple):
    """A shop: what it sells, and where; `None` is everywhere, online."""

    name: str
    category: Category
    city: int | None
    popular: float


class Holder(NamedTuple):
    """A card holder with habits."""

    name: str
    city: int
    home: Location
    spends: float
    shops: tuple[Merchant, ...]
    device: Device
    ip: str
    age: int
    forgetful: bool
    often: float

    def amount(self, rng: Random, shop: Merchant) -> float:
        """Return what is usual for this holder in a shop of this kind."""
        return exp(rng.gauss(TYPICAL[shop.category] + self.spends, 0.6))


def device(rng: Random) -> Device:
    """Return some device. Versions tell most apart, not all."""
    system = rng.choices(("Android", "iOS", "Windows", "macOS", "Linux"), (35, 30, 22, 10, 3))[0]
    browser = rng.choices(("Chrome", "Safari", "Firefox", "Edge"), (55, 25, 10, 10))[0]
    release, version = rng.randint(10, 18), rng.randint(110, 139)
    info = DeviceInfo(system, browser)
    return Device(info, f"Mozilla/5.0 ({system} {release}) {browser}/{version}.0.{rng.randint(1, 60)}")


def near(rng: Random, city: int) -> Location:
    """Return a place in a city."""
    its = CITIES[city]
    return Location(round(its.lat + rng.gauss(0, 0.04), 4), round(its.lon + rng.gauss(0, 0.06), 4))


def address(rng: Random, city: int) -> str:
    """Return an address of the network of a city (all are of the block for benchmarks, RFC 2544)."""
    return f"198.{18 + city % 2}.{(city // 2) * 40 + rng.randrange(40)}.{rng.randrange(1, 255)}"


def shops(rng: Random) -> list[Merchant]:
    """Return the shops there are; the first sell gift cards."""
    made = [Merchant(f"m{number:03}", "gift_cards", None, 0.3) for number in range(GIFT_SHOPS)]
    kinds = [it for it in TYPICAL if it != "gift_cards"]
    for number in range(GIFT_SHOPS, MERCHANTS):
        category = rng.choice(kinds)
        online = category in ONLINE_ONLY or rng.random() < 0.3
        city = None if online else rng.randrange(len(CITIES))
        made.append(Merchant(f"m{number:03}", category, city, exp(rng.gauss(0, 1))))
    return made


def holders(rng: Random, merchants: list[Merchant]) -> list[Holder]:
    """Return card holders; `often` adds up, as `random.choices` likes its weights."""
    often = accumulate(exp(rng.gauss(0, 0.8)) for _ in range(HOLDERS))
    return [_holder(rng, number, upto, merchants) for number, upto in enumerate(often)]


def _holder(rng: Random, number: int, often: float, merchants: list[Merchant]) -> Holder:
    city = rng.choices(range(len(CITIES)), (20, 15, 12, 10, 10, 12, 6, 6, 5, 4))[0]
    reachable: list[Any] = [it for it in merchants if it.city in (None, city)]
    weights = [it.popular for it in reachable]
    return Holder(
        name=f"u{number:04}",
        city=city,
        home=near(rng, city),
        spends=rng.gauss(0, 0.5),
        shops=tuple(rng.choices(reachable, weights, k=10)),
        device=device(rng),
        ip=address(rng, city),
        age=int(30 + rng.expovariate(1 / 700)),
        forgetful=rng.random() < FORGETFUL,
        often=often,
    )

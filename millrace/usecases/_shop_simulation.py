"""Simulated visits to a shop: customers with habits, five ways to visit that overlap, and what an analyst says later.

A visit is a run of events some seconds apart. The way in which somebody visits is the hidden cause; an analyst names it hours
later, for seven visits of ten, and is wrong now and then. None of it leaves this module otherwise.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from math import exp
from random import Random
from typing import Any

from millrace import Drifts, Happened
from millrace.usecases._calendar import before, moments
from millrace.usecases._shop_people import (
    CATEGORIES,
    HABIT,
    REFERRERS,
    RESELLER,
    TYPES,
    WAYS,
    Category,
    Customer,
    Product,
    Way,
    customers,
    manner,
    products,
)

BEGINS = datetime(2025, 3, 3, tzinfo=UTC)
WEEK = (8_600, 8_400, 8_500, 8_900, 9_400, 10_600, 10_100)
"""Events by day of the week; the first day is a Monday."""
HOURS = (4, 3, 2, 2, 2, 3, 5, 8, 10, 11, 12, 13, 14, 13, 12, 12, 13, 15, 18, 20, 20, 17, 12, 7)
NAMED, WRONG = 0.7, 0.02
SLOWEST = timedelta(hours=12)
NAMES = (*WAYS, "reseller")

SCENARIOS = {
    "sale": "A sale: half of all products are reduced, and twice as many come to hunt for bargains.",
    "bot-wave": "Automata make a third of all visits, and take more time over a page, as people do.",
    "resellers": "A new kind of visit: one in six fills the cart with many of the same, reduced, and buys.",
}


class Visit:
    """One visit while it lasts."""

    def __init__(self, rng: Random, number: int, way: str, who: Customer, starts: datetime, *, slow: bool) -> None:
        self.way = way
        self.who = who
        self.name = f"v{number}"
        self.manner = manner(rng, RESELLER if way == "reseller" else WAYS[way])
        if slow:
            self.manner = self.manner._replace(dwell=self.manner.dwell * 4, spread=0.6)
        self.done = 0
        self.since = 0.0
        self.category: Category = who.category if rng.random() < 0.6 else rng.choice(CATEGORIES)
        self.cart: list[Product] = []
        self.page: str | None = None
        self.referrer = rng.choice(REFERRERS)
        told = way if rng.random() >= WRONG else rng.choice(list(WAYS))
        self.told = told if rng.random() < NAMED else None
        self.known_at = starts + timedelta(seconds=round(3_600 * min(1 + exp(rng.gauss(0.9, 0.6)), 11.5), 3))

    def next_in(self, rng: Random) -> float | None:
        """Return the seconds until the next event, or `None` when that was the last."""
        if self.done >= self.manner.length:
            return None
        self.since = round(min(max(rng.lognormvariate(0, self.manner.spread) * self.manner.dwell, 0.3), 900), 1)
        return self.since


class Shop:
    """One shop's visits, made from a seed."""

    def __init__(self, seed: int, event: Any, label: Any) -> None:
        rng = Random(f"shop {seed}")  # noqa: S311 - a simulation
        self._seed = seed
        self._event, self._label = event, label
        self._products = products(rng)
        self._customers = customers(rng)
        self._people = [it for way, its in self._customers.items() if way != "bot" for it in its]

    def day(self, day: int, drifts: Drifts) -> Iterator[Happened]:
        """Yield a day's events in order. Visits begin when nobody is due; what is under way at midnight ends there."""
        rng = Random(f"shop {self._seed} day {day}")  # noqa: S311 - a simulation
        first, many = before(WEEK, day), WEEK[day % 7]
        due: list[tuple[datetime, int, Visit]] = []
        for number, at in enumerate(moments(rng, BEGINS + timedelta(days=day), many, HOURS), first):
            if due and due[0][0] <= at:
                at, _, visit = heapq.heappop(due)
            else:
                visit = self._begun(rng, number, at, drifts)
            yield self._happened(rng, number, at, visit, drifts)
            wait = visit.next_in(rng)
            if wait is not None:
                heapq.heappush(due, (at + timedelta(seconds=wait), number, visit))

    def _begun(self, rng: Random, number: int, at: datetime, drifts: Drifts) -> Visit:
        wave = drifts.holds("bot-wave", number)
        way = self._way(rng, number, at.hour, drifts)
        usual = "quick buyer" if way == "reseller" else way
        own = way == "bot" or rng.random() < HABIT
        who = rng.choice(self._customers[usual] if own else self._people)
        return Visit(rng, number, way, who, at, slow=wave and way == "bot" and rng.random() < 0.7)

    def _way(self, rng: Random, number: int, hour: int, drifts: Drifts) -> str:
        if drifts.holds("resellers", number) and rng.random() < 1 / 6:
            return "reseller"
        if drifts.holds("bot-wave", number) and rng.random() < 0.3:
            return "bot"
        more = {"bargain hunter": 2.0} if drifts.holds("sale", number) else {}
        weights = [_weight(way, hour) * more.get(name, 1.0) for name, way in WAYS.items()]
        return rng.choices(list(WAYS), weights)[0]

    def _happened(self, rng: Random, number: int, at: datetime, visit: Visit, drifts: Drifts) -> Happened:
        kind = self._kind(rng, visit)
        product = self._product(rng, visit, kind, sale=drifts.holds("sale", number))
        url = _url(kind, product, visit.category)
        event = self._event(
            event_id=f"e{number}",
            occurred_at=at,
            customer_id=visit.who.name,
            session_id=visit.name,
            event_type=kind,
            product_id=product.name if product else None,
            product_category=visit.category,
            price=None if product is None else round(product.price * (0.65 if product.reduced else 1.0), 2),
            quantity=rng.randint(1, visit.manner.amount) if kind in ("add_to_cart", "purchase") else None,
            page_url=url,
            referrer_url=visit.page or visit.referrer,
            device_info=visit.who.device,
            location=visit.who.home,
            time_on_page_seconds=visit.since,
            search_query=f"{visit.category} {rng.choice(('best', 'cheap', 'new', 'size', 'review'))}"
            if kind == "search"
            else None,
            session_event_sequence=visit.done + 1,
        )
        visit.done += 1
        visit.page = url
        return Happened(event, float(NAMES.index(visit.way)), self._named(event, visit))

    def _kind(self, rng: Random, visit: Visit) -> str:
        """Return what the visitor does next; nothing is bought or taken out of an empty cart."""
        weights = visit.manner.types if visit.cart else visit.manner.types[:3]
        return rng.choices(TYPES[: len(weights)], weights)[0]

    def _product(self, rng: Random, visit: Visit, kind: str, *, sale: bool) -> Product | None:
        if kind == "search":
            return None
        if kind == "remove_from_cart":
            return visit.cart.pop(rng.randrange(len(visit.cart)))
        if kind == "purchase":
            bought, visit.cart = visit.cart[-1], []
            return bought
        if rng.random() < visit.manner.roams:
            visit.category = rng.choice(CATEGORIES)
        product = self._shown(rng, visit, sale=sale)
        if kind == "add_to_cart":
            visit.cart.append(product)
        return product

    def _shown(self, rng: Random, visit: Visit, *, sale: bool) -> Product:
        every = self._products[visit.category]
        if rng.random() < visit.manner.sale:
            reduced = [it for it in every if it.reduced]
            return rng.choice(reduced)
        product = rng.choice(every)
        return product._replace(reduced=product.reduced or rng.random() < 0.33) if sale else product

    def _named(self, event: Any, visit: Visit) -> Any:
        """Return what the analyst says of the visit; of three in ten, nothing."""
        if visit.told is None:
            return None
        known = max(visit.known_at, event.occurred_at + timedelta(minutes=5))
        return self._label(
            known_at=min(known, event.occurred_at + SLOWEST),
            event_id=event.event_id,
            customer_id=event.customer_id,
            kind=visit.told,
        )


def _weight(way: Way, hour: int) -> float:
    return way.share * (1.6 if hour in way.hours else 1.0)


def _url(kind: str, product: Product | None, category: str) -> str:
    if product is None:
        return f"https://shop.example/search?in={category}"
    if kind in ("add_to_cart", "remove_from_cart"):
        return "https://shop.example/cart"
    if kind == "purchase":
        return "https://shop.example/checkout"
    return f"https://shop.example/{'sale/' if product.reduced else ''}{category}/{product.name}"


__all__ = ["BEGINS", "SCENARIOS", "SLOWEST", "WEEK", "Shop"]

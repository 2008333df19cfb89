"""Simulated card payments: holders with habits, shops, travel and sales, and four overlapping kinds of fraud.

Every payment has a cause with a probability of being fraud. Each kind of fraud has an honest twin that looks like it: a flash
sale is a burst of small payments too, who travels pays far away, and whoever buys a phone has a new device. The oracle knows
causes and probabilities, never the draw. None of it leaves this module otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from math import exp
from random import Random
from typing import Any, NamedTuple

from millrace import Drifts, Happened
from millrace.usecases._calendar import before, moments
from millrace.usecases._card_people import (
    CITIES,
    GIFT_SHOPS,
    HOURS,
    MERCHANTS,
    Device,
    Holder,
    Merchant,
    address,
    device,
    holders,
    near,
    shops,
)

BEGINS = datetime(2025, 3, 3, tzinfo=UTC)
WEEK = (4_700, 4_600, 4_700, 5_000, 5_700, 5_900, 4_400)
"""Payments by day of the week; the first day is a Monday."""
REPORTED = 0.93
"""Share of frauds whose chargeback comes at all and in time."""
NEVER = 0.03
SLOWEST_CHARGEBACK = timedelta(days=6)

SCENARIOS = {
    "new-fraud-pattern": "Gift cards are bought with stolen wallets: the holder's own device and place, a usual amount.",
    "holidays": "A quarter of all holders pay far from home, many on a new device, and are honest.",
}


class Cause(NamedTuple):
    """Why a payment is made: by whom, where, with what, how much, and how probable it is to be fraud."""

    at: datetime
    holder: Holder
    merchant: Merchant
    fraud: float
    amount: float
    kind: str = "purchase"
    method: str = "card"
    city: int | None = None
    device: Device | None = None
    ip: str | None = None
    cvv: bool = True
    billing: bool = True


class Bank:
    """One bank's payments, made from a seed."""

    def __init__(self, seed: int, payment: Any, outcome: Any) -> None:
        rng = Random(f"bank {seed}")  # noqa: S311 - a simulation
        self._seed = seed
        self._payment, self._outcome = payment, outcome
        self._shops = shops(rng)
        self._online = [it for it in self._shops if it.city is None]
        self._gifts = self._shops[:GIFT_SHOPS]
        self._holders = holders(rng, self._shops)
        self._weights = [it.often for it in self._holders]

    def day(self, day: int, drifts: Drifts) -> Iterator[Happened]:
        """Yield the payments of a day in order."""
        rng = Random(f"bank {self._seed} day {day}")  # noqa: S311 - a simulation
        first, many = before(WEEK, day), WEEK[day % 7]
        begins = BEGINS + timedelta(days=day)
        special = sorted(self._special(rng, day, begins), key=lambda cause: cause.at)[: many // 2]
        usual = moments(rng, begins, many - len(special), HOURS)
        waiting = iter([*special, None])
        numbers, upcoming = count(first), next(waiting)
        for at in usual:
            while upcoming is not None and upcoming.at < at:
                yield self._made(rng, next(numbers), upcoming)
                upcoming = next(waiting)
            number = next(numbers)
            yield self._made(rng, number, self._usual(rng, at, number, drifts))
        while upcoming is not None:
            yield self._made(rng, next(numbers), upcoming)
            upcoming = next(waiting)

    def _usual(self, rng: Random, at: datetime, number: int, drifts: Drifts) -> Cause:
        """Return an everyday payment, or what a drift makes of it."""
        holder = rng.choices(self._holders, cum_weights=self._weights)[0]
        stolen, away = drifts.holds("new-fraud-pattern", number), drifts.holds("holidays", number)
        if stolen and rng.random() < 0.03:
            shop = rng.choice(self._gifts)
            return Cause(at, holder, shop, 0.6, holder.amount(rng, shop) * 1.2, method="wallet", billing=True)
        if away and rng.random() < 0.25:
            city = rng.randrange(len(CITIES))
            new = device(rng) if rng.random() < 0.4 else None
            return self._everyday(rng, at, holder)._replace(city=city, device=new, fraud=0.003)
        return self._everyday(rng, at, holder)

    def _everyday(self, rng: Random, at: datetime, holder: Holder) -> Cause:
        shop = rng.choice(holder.shops) if rng.random() < 0.8 else rng.choice(self._shops)
        digital = shop.category in ("digital_goods", "games")
        fraud = 0.12 if holder.forgetful and digital else 0.0012
        amount = holder.amount(rng, shop)
        if rng.random() < 0.02:
            amount *= rng.uniform(3, 9)
        chance = rng.random()
        new = device(rng) if chance < 0.008 else None
        kind = "transfer" if chance > 0.98 else "cash_withdrawal" if chance > 0.96 else "purchase"
        amount = rng.lognormvariate(5.3, 0.8) if kind == "transfer" else amount
        method = rng.choices(("card", "wallet", "contactless"), (5, 3, 4 if shop.city is not None else 0))[0]
        cvv, billing = rng.random() > 0.05, rng.random() > 0.04
        return Cause(at, holder, shop, fraud, amount, kind, method, shop.city, new, None, cvv, billing)

    def _special(self, rng: Random, day: int, begins: datetime) -> Iterator[Cause]:
        """Yield the payments of the day that have a cause of their own: fraud, and its honest twins."""
        for _ in range(rng.randint(1, 2)):
            yield from self._burst(rng, begins, fraud=0.8)
        for _ in range(rng.randint(1, 3)):
            yield from self._burst(rng, begins, fraud=0.003)
        for _ in range(rng.randint(4, 8)):
            yield from self._takeover(rng, begins)
        for _ in range(rng.randint(8, 14)):
            yield from self._travel(rng, begins)
        week = Random(f"bank {self._seed} week {day // 7}")  # noqa: S311 - a simulation
        mules = week.sample(self._online, 4)
        for _ in range(rng.randint(12, 24)):
            shop, at = rng.choice(mules), _some_time(rng, begins)
            amount = rng.lognormvariate(5.5, 0.7)
            yield Cause(at, rng.choice(self._holders), shop, 0.5, amount, "transfer", "wallet", None)

    def _burst(self, rng: Random, begins: datetime, fraud: float) -> Iterator[Cause]:
        """Card testing: many cards, one shop, small amounts, minutes apart. Its honest twin is a flash sale."""
        shop, starts = rng.choice(self._online), _some_time(rng, begins)
        honest = fraud < 0.1
        for _ in range(rng.randint(10, 26)):
            at = starts + timedelta(seconds=round(rng.uniform(0, 1_500), 3))
            amount = rng.uniform(0.5, 6.0) if not honest else rng.uniform(1.0, 12.0)
            holder = rng.choice(self._holders)
            new = device(rng) if rng.random() < (0.1 if honest else 0.6) else None
            ip = None if honest else address(rng, rng.randrange(len(CITIES)))
            cvv = rng.random() < (0.9 if honest else 0.5)
            yield Cause(at, holder, shop, fraud, amount, device=new, ip=ip, cvv=cvv, billing=rng.random() < 0.8)

    def _takeover(self, rng: Random, begins: datetime) -> Iterator[Cause]:
        """Account takeover: another's device, mostly far away, larger amounts, within an hour."""
        holder, new, city = rng.choice(self._holders), device(rng), rng.randrange(len(CITIES))
        at, ip = _some_time(rng, begins), address(rng, city)
        for _ in range(rng.randint(2, 5)):
            shop = rng.choice(self._online)
            amount = holder.amount(rng, shop) * rng.uniform(1.2, 4.5)
            billing = rng.random() < 0.6
            yield Cause(at, holder, shop, 0.7, amount, city=city, device=new, ip=ip, billing=billing)
            at += timedelta(seconds=round(rng.uniform(60, 1_500), 3))

    def _travel(self, rng: Random, begins: datetime) -> Iterator[Cause]:
        """A journey: far away, at times on a new device, and honest."""
        holder, city = rng.choice(self._holders), rng.randrange(len(CITIES))
        at, ip = _some_time(rng, begins), address(rng, city)
        new = device(rng) if rng.random() < 0.5 else None
        for _ in range(rng.randint(2, 5)):
            shop = rng.choice(self._shops)
            amount = holder.amount(rng, shop) * rng.uniform(0.8, 2.5)
            yield Cause(at, holder, shop, 0.01, amount, city=city, device=new, ip=ip)
            at += timedelta(seconds=round(rng.uniform(300, 3_600), 3))

    def _made(self, rng: Random, number: int, cause: Cause) -> Happened:
        holder, shop = cause.holder, cause.merchant
        city = holder.city if cause.city is None else cause.city
        used = cause.device or holder.device
        payment = self._payment(
            occurred_at=cause.at,
            transaction_id=f"p{number}",
            user_id=holder.name,
            amount=round(max(0.5, cause.amount), 2),
            currency=CITIES[city].currency,
            merchant_id=shop.name,
            product_category=shop.category,
            transaction_type=cause.kind,
            payment_method=cause.method,
            location=holder.home if city == holder.city and cause.city is None else near(rng, city),
            ip_address=cause.ip or holder.ip,
            device_info=used.info,
            user_agent=used.agent,
            account_age_days=holder.age + (cause.at - BEGINS).days,
            cvv_provided=cause.cvv,
            billing_address_match=cause.billing,
        )
        return Happened(payment, cause.fraud * REPORTED, self._reported(rng, payment, cause.fraud))

    def _reported(self, rng: Random, payment: Any, fraud: float) -> Any:
        """Return what becomes known: a chargeback hours or days later, at times never; of an honest payment, nothing."""
        if rng.random() >= fraud or rng.random() < NEVER:
            return None
        hours = min(2 + 12 * exp(rng.gauss(0, 0.75)), 130.0)
        known = payment.occurred_at + timedelta(seconds=round(3600 * hours, 3))
        return self._outcome(
            known_at=known, transaction_id=payment.transaction_id, user_id=payment.user_id, is_fraud=True
        )


def _some_time(rng: Random, begins: datetime) -> datetime:
    """Return a moment of the day that leaves time for what begins then to end before the next."""
    return begins + timedelta(seconds=round(rng.triangular(0, 68_400, 54_000), 3))


__all__ = ["BEGINS", "MERCHANTS", "SCENARIOS", "SLOWEST_CHARGEBACK", "WEEK", "Bank"]

"""A small made-up table, for whoever has no data at hand: orders that take longer from one shop."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

ROWS = 2_000
HEAD = "order_no,placed,shop,weather,pieces,minutes"


def orders(seed: int = 7) -> str:
    """Return the table as CSV: always the same for a seed. `minutes` is what an order took, from `placed` on."""
    chance = Random(seed)  # noqa: S311 - made-up data, no secret
    return "\n".join([HEAD, *(_order(chance, number) for number in range(ROWS))]) + "\n"


def _order(chance: Random, number: int) -> str:
    placed = datetime(2026, 1, 1, 8, tzinfo=UTC) + timedelta(minutes=20 * number)
    shop, weather = chance.choice(["north", "south", "harbour"]), chance.choice(["dry", "dry", "rain"])
    pieces = chance.randint(1, 9)
    minutes = 10 + 3 * pieces + 12 * (shop == "harbour") + 6 * (weather == "rain") + chance.gauss(0, 2)
    return f"order-{number},{placed.isoformat()},{shop},{weather},{pieces},{max(1.0, minutes):.1f}"

"""What kinds of visit are under way in a shop?

Simulated visits (`_shop_simulation`), grouped by what was done so far: how much was looked at, searched for, put into the cart
and bought, how long pages were looked at, how many goods were reduced. An analyst names visits hours later; that scores the
groups and is never learnt.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log, log1p, sqrt
from typing import Annotated

from msgspec import Meta

from millrace import (
    Candidate,
    Clustering,
    Event,
    Features,
    Id,
    Key,
    Label,
    Location,
    Model,
    Money,
    Of,
    Profiles,
    Seconds,
    Truth,
    UseCase,
    by_day,
    distinct_count,
    session_count,
    session_mean,
    session_sum,
)
from millrace.usecases._shop_people import Category, DeviceInfo, EventType
from millrace.usecases._shop_simulation import BEGINS, SCENARIOS, SLOWEST, WEEK, Shop


class Click(Event):
    """A visitor does something: looks at a page, searches, fills or empties the cart, buys."""

    event_id: Id[str]
    customer_id: Key[str]
    session_id: str
    event_type: EventType
    product_id: str | None = None
    product_category: Category
    price: Annotated[Money, Meta(ge=0)] | None = None
    quantity: Annotated[int, Meta(ge=1)] | None = None
    page_url: str
    referrer_url: str | None = None
    device_info: DeviceInfo
    location: Location
    time_on_page_seconds: Seconds
    """On the page before this one; 0 at the first."""
    search_query: str | None = None
    session_event_sequence: Annotated[int, Meta(ge=1)]


class Named(Label):
    """An analyst says what kind of visit it was."""

    event_id: Of[str]
    customer_id: str
    kind: str


def does(kind: EventType) -> Callable[[Click], float | None]:
    """Return what counts the events of one type."""
    return lambda c: 1.0 if c.event_type == kind else None


def looked_at_reduced(c: Click) -> float | None:
    """Return 1 for a page of the sale."""
    return 1.0 if c.event_type == "page_view" and "/sale/" in c.page_url else None


def dwelt(c: Click) -> float | None:
    """Return the logarithm of the seconds on the page before; of the first page, nothing."""
    return log(max(c.time_on_page_seconds, 0.3)) if c.session_event_sequence > 1 else None


def paid(c: Click) -> float | None:
    """Return what a purchase costs."""
    return (c.price or 0.0) * (c.quantity or 1) if c.event_type == "purchase" else None


class Seen(Profiles):
    """What the visit was like so far; it is over after half an hour without an event."""

    events = session_count(by="session_id", gap="30m")
    views = session_count(does("page_view"), by="session_id", gap="30m")
    searches = session_count(does("search"), by="session_id", gap="30m")
    added = session_count(does("add_to_cart"), by="session_id", gap="30m")
    removed = session_count(does("remove_from_cart"), by="session_id", gap="30m")
    bought = session_count(does("purchase"), by="session_id", gap="30m")
    reduced = session_count(looked_at_reduced, by="session_id", gap="30m")
    dwell = session_mean(dwelt, by="session_id", gap="30m", unseen=3.0)
    paces = session_count(dwelt, by="session_id", gap="30m")
    spent = session_sum(paid, by="session_id", gap="30m")
    categories = distinct_count("product_category", by="session_id", window="2h")


DWELL = 3.0
"""The logarithm of the seconds that anybody stays on a page, before this visit has shown it: twenty."""


def features(c: Click, seen: Seen) -> Features:
    """Return the visit up to and with this event: first as it is told, then, for the models, as shares of like size.

    Early in a visit shares are drawn towards what is usual, as if some usual events had come before.
    """
    is_view, is_search = c.event_type == "page_view", c.event_type == "search"
    events, views, searches = seen.events + 1, seen.views + is_view, seen.searches + is_search
    added = seen.added + (c.event_type == "add_to_cart")
    removed, bought = seen.removed + (c.event_type == "remove_from_cart"), seen.bought + (c.event_type == "purchase")
    reduced = seen.reduced + (looked_at_reduced(c) is not None)
    pace = dwelt(c)
    paces = seen.paces + (pace is not None)
    total = seen.dwell * seen.paces + (pace or 0.0)
    dwell = (total + DWELL) / (paces + 1)
    return {
        "events": events,
        "views": views,
        "searches": searches,
        "added": added,
        "removed": removed,
        "bought": bought,
        "reduced": reduced / max(views, 1),
        "dwell": 2.718281828**dwell,
        "spent": seen.spent + (paid(c) or 0.0),
        "categories": seen.categories,
        "shape_search": 4.0 * sqrt((searches + 0.4) / (events + 3)),
        "shape_cart": 4.0 * sqrt((added + removed + 0.4) / (events + 3)),
        "shape_bought": 5.0 * sqrt(bought / (events + 3)),
        "shape_reduced": 3.0 * (reduced + 0.5) / (views + 2),
        "shape_dwell": dwell,
        "shape_length": 0.5 * log1p(events),
    }


NOTES = {
    "events": "events of this visit so far, this one included",
    "views": "pages seen in this visit",
    "searches": "searches in this visit",
    "added": "goods put into the cart in this visit",
    "removed": "goods taken out of the cart again",
    "bought": "purchases in this visit",
    "reduced": "share of the pages seen that show reduced goods",
    "dwell": "time on a page, the geometric mean of this visit, seconds",
    "spent": "money spent in this visit",
    "categories": "different categories of goods met in this visit, before this event",
    "shape_search": "how much of the visit is searching: a root of its share, drawn towards the usual early on",
    "shape_cart": "how much of the visit is putting into the cart and taking out, likewise",
    "shape_bought": "how much of the visit is buying, likewise",
    "shape_reduced": "how much of what is looked at is reduced, drawn towards the usual early on",
    "shape_dwell": "time on a page as a logarithm, drawn towards the usual early on",
    "shape_length": "how long the visit is so far, as a logarithm of its events",
}
"""What each feature is."""

SHAPE = ("shape_search", "shape_cart", "shape_bought", "shape_reduced", "shape_dwell", "shape_length")
"""What the models see."""


def dbstream() -> Model:
    """Return DBSTREAM (Hahsler & Bolaños, 2016)."""
    from river import cluster

    return cluster.DBSTREAM(
        clustering_threshold=1.0,
        fading_factor=0.0002,
        cleanup_interval=500,
        intersection_factor=0.4,
        minimum_weight=10.0,
    )


def denstream() -> Model:
    """Return DenStream (Cao et al., 2006)."""
    from river import cluster

    return cluster.DenStream(decaying_factor=0.01, beta=0.5, mu=40, epsilon=0.6, n_samples_init=1_000, stream_speed=100)


def stream_k_means() -> Model:
    """Return streaming k-means (O'Callaghan et al., 2002)."""
    from river import cluster

    return cluster.STREAMKMeans(chunk_size=200, n_clusters=10, halflife=0.1, sigma=0.8, mu=1.5, seed=7)


shop_segments = UseCase(
    "shop-segments",
    "What kinds of visit are under way?",
    Click,
    Seen,
    features=features,
    notes=NOTES,
    task=Clustering(
        describe={
            "events": "short/long visit",
            "views": "pages seen",
            "searches": "searches",
            "added": "goods put into the cart",
            "removed": "goods taken out again",
            "bought": "seldom/often buys",
            "reduced": "little/much on sale",
            "dwell": "short/long dwell",
            "spent": "little/much spent",
            "categories": "categories",
        },
        truth_for_scoring=Truth(label=Named, patience="14h"),
        target=lambda named: named.kind,
        smallest=0.03,
    ),
    candidates={
        "denstream": Candidate(denstream, only=SHAPE, about="joins small dense places that touch"),
        "dbstream": Candidate(dbstream, only=SHAPE, about="joins small dense places by the density they share"),
        "stream k-means": Candidate(stream_k_means, only=SHAPE, about="ten centres, moved chunk by chunk"),
    },
    baselines={
        "bought or not": lambda c, seen: float(seen.bought > 0),
        "pages seen": lambda c, seen: float(min(seen.views // 5, 3)),
    },
    simulator=by_day(
        lambda seed: Shop(seed, Click, Named).day,
        scenarios=SCENARIOS,
        begins=BEGINS,
        about="Simulated visits of 2,500 customers and 60 automata to one shop: five ways to visit, which overlap",
        events_per_day=sum(WEEK) / 7,
        slowest_label=SLOWEST,
    ),
)

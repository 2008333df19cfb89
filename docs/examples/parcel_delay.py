"""Which parcels will be late?"""

from typing import Literal

from millrace import (
    Candidate,
    Event,
    Features,
    Id,
    Key,
    Km,
    Label,
    Minutes,
    Model,
    Of,
    Profiles,
    Regression,
    Truth,
    UseCase,
    decayed_mean,
)


class Parcel(Event):
    """A parcel leaves its depot."""

    parcel_id: Id[str]
    depot: Key[str]
    distance: Km
    weather: Literal["dry", "rain", "snow"]


class Delivered(Label):
    """A parcel is handed over."""

    parcel_id: Of[str]
    minutes_late: Minutes | None = None  # None: there will be no truth


class Seen(Profiles):
    """What is remembered of parcels that were delivered."""

    depot = decayed_mean("minutes_late", by="depot", half_life="6h", unseen=0.0)
    network = decayed_mean("minutes_late", half_life="1h", unseen=0.0)


def features(p: Parcel, seen: Seen) -> Features:
    """Return what a model sees when a parcel leaves."""
    return {"km": p.distance, "usual": seen.depot, "network": seen.network, "weather": p.weather}


def linear() -> Model:
    """Build a linear model; River is imported when it is built, not before."""
    from river import linear_model, preprocessing

    return preprocessing.StandardScaler() | linear_model.LinearRegression()


parcel_delay = UseCase(
    "parcel-delay",
    "How many minutes late will this parcel be?",
    Parcel,
    Seen,
    features=features,
    task=Regression(target=lambda d: d.minutes_late, truth=Truth(label=Delivered, patience="2d")),
    candidates={"linear": Candidate(linear, only=("km", "usual", "network"), on_residual_of="usual")},
    baselines={"usual at the depot": lambda p, seen: seen.depot},
)

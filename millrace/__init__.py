"""Learns from Kafka streams as they flow.

What an author of a use case needs is here: `from millrace import Event, Label, UseCase, …`.
"""

from millrace.domain.errors import MillraceError
from millrace.domain.facts import Event, Label
from millrace.domain.fields import (
    Celsius,
    Fahrenheit,
    Id,
    Key,
    Km,
    Location,
    Miles,
    Minutes,
    Money,
    Of,
    Percent,
    Seconds,
)
from millrace.domain.models import TrainedOnce
from millrace.domain.profiles import (
    Profiles,
    decayed_mean,
    distinct_count,
    first_use,
    km_since,
    last_value,
    seconds_since,
    session_count,
    session_mean,
    session_sum,
    window_count,
    window_mean,
    window_sum,
)
from millrace.domain.simulation import Drift, Drifts, Happened, Played, Simulator, by_day
from millrace.domain.tasks import Classification, Clustering, Regression, Truth
from millrace.domain.usecase import Candidate, Fact, Features, Model, PackageFile, Recorded, Row, UseCase

__version__ = "0.1.0"

__all__ = [
    "Candidate",
    "Celsius",
    "Classification",
    "Clustering",
    "Drift",
    "Drifts",
    "Event",
    "Fact",
    "Fahrenheit",
    "Features",
    "Happened",
    "Id",
    "Key",
    "Km",
    "Label",
    "Location",
    "Miles",
    "MillraceError",
    "Minutes",
    "Model",
    "Money",
    "Of",
    "PackageFile",
    "Percent",
    "Played",
    "Profiles",
    "Recorded",
    "Regression",
    "Row",
    "Seconds",
    "Simulator",
    "TrainedOnce",
    "Truth",
    "UseCase",
    "by_day",
    "decayed_mean",
    "distinct_count",
    "first_use",
    "km_since",
    "last_value",
    "seconds_since",
    "session_count",
    "session_mean",
    "session_sum",
    "window_count",
    "window_mean",
    "window_sum",
]

"""What the API answers, as types. Fields a newer API adds are passed over."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from millrace.domain.clusters import Cluster, Sizes
from millrace.domain.records import Alarm, Prediction, Scorecard

Value = float | int | str | bool | None


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """Base of everything the API answers."""


class Listed(Reply, frozen=True, kw_only=True):
    """A use case in the list of all."""

    name: str
    question: str
    task: str = ""
    unit: str = ""
    ready: bool = False


class UseCases(Reply, frozen=True, kw_only=True):
    """All use cases."""

    use_cases: list[Listed]


class Competitor(Reply, frozen=True, kw_only=True):
    """A candidate, its role now, and what its author says of it."""

    name: str
    role: str | None = None
    about: str = ""


class Source(Reply, frozen=True, kw_only=True):
    """Where the events come from."""

    about: str = ""
    licence: str = ""
    replay: bool = False


class Detail(Reply, frozen=True, kw_only=True):
    """One use case, as it stands."""

    name: str
    question: str
    task: str = ""
    unit: str = ""
    event_schema: dict[str, Any] = {}
    id_field: str = ""
    key_field: str = ""
    candidates: list[Competitor] = []
    baselines: list[str] = []
    champion: str | None = None
    state_id: str | None = None
    trained_until: str | None = None
    serving_from: Literal["live", "registered"] | None = None
    source: Source | None = None
    ready: bool = False
    degraded: str | None = None


class Scorecards(Reply, frozen=True, kw_only=True):
    """How all who compete stood, oldest first."""

    metric: str = ""
    scorecards: list[Scorecard] = []


class Place(Reply, frozen=True, kw_only=True):
    """A place on earth, in degrees."""

    lat: float
    lon: float


class Published(Prediction, frozen=True, kw_only=True):
    """A prediction with when it was made and, once known, the truth."""

    made_at: str | None = None
    truth: float | str | None = None
    places: dict[str, Place] = msgspec.field(default_factory=dict)


class Predictions(Reply, frozen=True, kw_only=True):
    """Predictions, newest first."""

    predictions: list[Published] = []


class Version(Reply, frozen=True, kw_only=True):
    """A registered model version."""

    version: int | str
    state_id: str = ""
    champion: str = ""
    trained_until: str | None = None
    created_at: str | None = None
    aliases: list[str] = []
    metrics: dict[str, float] = {}


class Versions(Reply, frozen=True, kw_only=True):
    """The registered versions of a use case."""

    versions: list[Version] = []


class Alarms(Reply, frozen=True, kw_only=True):
    """Drift alarms, newest first."""

    alarms: list[Alarm] = []


class Clusters(Reply, frozen=True, kw_only=True):
    """What the clusters of one candidate are like, the largest first."""

    candidate: str = ""
    noise: float = 0.0
    window: int = 0
    clusters: list[Cluster] = []
    history: list[Sizes] = []


class Readiness(Reply, frozen=True, kw_only=True):
    """Whether one use case can be asked, and why not."""

    ready: bool = False
    state_id: str | None = None
    reason: str | None = None


class Platform(Reply, frozen=True, kw_only=True):
    """Whether the API can answer."""

    ready: bool = False
    use_cases: dict[str, Readiness] = {}


class Figures(Reply, frozen=True, kw_only=True):
    """How one use case flows; nothing where no part tells."""

    predictions_per_s: float | None = None
    training_samples_per_s: float | None = None
    lag_records: int | None = None
    checkpoint_age_s: float | None = None
    state_age_s: float | None = None
    dead_letters: int | None = None


class Health(Reply, frozen=True, kw_only=True):
    """Figures of health by use case, and how many of the parts that tell them have answered."""

    parts: int = 0
    answering: int = 0
    use_cases: dict[str, Figures] = {}


class Answered(Reply, frozen=True, kw_only=True):
    """The answer to one event."""

    event_id: str = ""
    value: float | None = None
    words: str | None = None
    unit: str = ""
    champion: str | None = None
    by_candidate: dict[str, float | None] = {}
    baselines: dict[str, float | None] = {}
    features: dict[str, Value] = {}
    state_id: str = ""
    trained_until: str | None = None
    profiles_at: str | None = None
    made_at: str | None = None
    occurred_at: str | None = None
    serving_from: str | None = None
    model_version: int | str | None = None
    degraded: str | None = None


class Problem(Reply, frozen=True, kw_only=True):
    """What the API says when it cannot do as asked (RFC 9457)."""

    title: str = ""
    status: int = 0
    detail: str = ""
    field: str | None = None

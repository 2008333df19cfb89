"""What the API answers, as types: docs/wire.md in code. A field without a value is left out."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from millrace.domain.clusters import Cluster, Sizes
from millrace.domain.fields import Location
from millrace.domain.records import Alarm, Prediction, Scorecard
from millrace.domain.usecase import Feature

ServingFrom = Literal["live", "registered"]


class Reply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of everything the API answers."""


class Listed(Reply, frozen=True, kw_only=True):
    """A use case in the list of all."""

    name: str
    question: str
    task: str
    unit: str
    ready: bool


class UseCases(Reply, frozen=True, kw_only=True):
    """All use cases."""

    use_cases: list[Listed]


class Competitor(Reply, frozen=True, kw_only=True):
    """A candidate, its role in the served state, and what its author says of it."""

    name: str
    role: Literal["champion", "challenger", "suspended"] | None = None
    about: str


class FeatureNote(Reply, frozen=True, kw_only=True):
    """A feature, and what it means, with its unit."""

    name: str
    about: str


class Origin(Reply, frozen=True, kw_only=True):
    """Where a use case's events come from."""

    about: str
    licence: str
    replay: bool


class Detail(Reply, frozen=True, kw_only=True):
    """One use case as it stands."""

    name: str
    question: str
    task: str
    unit: str
    event_schema: dict[str, Any]
    id_field: str
    key_field: str
    candidates: list[Competitor]
    baselines: list[str]
    features: list[FeatureNote]
    champion: str | None = None
    state_id: str | None = None
    trained_until: str | None = None
    serving_from: ServingFrom | None = None
    model_version: int | None = None
    source: Origin | None = None
    ready: bool
    degraded: str | None = None


class Answered(Reply, frozen=True, kw_only=True):
    """The answer to one event; every value in it comes from the state that `state_id` names."""

    event_id: str
    value: float | None = None
    words: str | None = None
    unit: str
    champion: str | None = None
    by_candidate: dict[str, float]
    baselines: dict[str, float]
    features: dict[str, Feature]
    state_id: str
    trained_until: str | None = None
    profiles_at: str
    made_at: str
    occurred_at: str
    serving_from: ServingFrom
    model_version: int | None = None
    degraded: str | None = None


class Version(Reply, frozen=True, kw_only=True):
    """A registered model version."""

    version: int
    state_id: str
    champion: str
    trained_until: str
    created_at: str
    aliases: list[str]
    metrics: dict[str, float]


class Versions(Reply, frozen=True, kw_only=True):
    """A use case's registered versions, newest first."""

    use_case: str
    versions: list[Version]


class Scorecards(Reply, frozen=True, kw_only=True):
    """How all who compete stood, oldest first."""

    use_case: str
    metric: str
    scorecards: list[Scorecard]


class Published(Prediction, frozen=True, kw_only=True):
    """A prediction of the trainer's, when it was made and, once known, the truth; the event's places by field."""

    made_at: str
    truth: float | str | None = None
    places: dict[str, Location] = msgspec.field(default_factory=dict)


class Known(Reply, frozen=True, kw_only=True):
    """The truth about one event, as its label told it."""

    event_id: str
    truth: float | str
    known_at: str


class Begin(Reply, frozen=True, kw_only=True):
    """The first event of a stream: where it begins, and why there when that is not where it was asked to."""

    begins: Literal["now", "where it was", "oldest kept"]
    reason: str | None = None


class End(Reply, frozen=True, kw_only=True):
    """The last event of a stream that is cut off: why. `Last-Event-ID` brings what is left."""

    reason: str


class Predictions(Reply, frozen=True, kw_only=True):
    """The newest predictions, newest first."""

    use_case: str
    predictions: list[Published]


class Alarms(Reply, frozen=True, kw_only=True):
    """The newest drift alarms, newest first."""

    use_case: str
    alarms: list[Alarm]


class Clusters(Reply, frozen=True, kw_only=True):
    """What the clusters of one candidate are like in the state that `state_id` names, the largest first."""

    use_case: str
    state_id: str
    candidate: str
    noise: float
    window: int
    clusters: list[Cluster]
    history: list[Sizes]


class Readiness(Reply, frozen=True, kw_only=True):
    """Whether one use case can be answered for, and why not."""

    ready: bool
    state_id: str | None = None
    reason: str | None = None


class Platform(Reply, frozen=True, kw_only=True):
    """Whether this replica answers for all its use cases."""

    ready: bool
    use_cases: dict[str, Readiness]


class Figures(Reply, frozen=True, kw_only=True):
    """How one use case flows now. What no part tells is left out; `dead_letters` counts since the trainer's start."""

    predictions_per_s: float | None = None
    training_samples_per_s: float | None = None
    lag_records: int | None = None
    checkpoint_age_s: float | None = None
    state_age_s: float | None = None
    dead_letters: int | None = None


class Health(Reply, frozen=True, kw_only=True):
    """Figures of health by use case, and how many of the parts that tell them have answered."""

    parts: int
    answering: int
    use_cases: dict[str, Figures]


class Problem(Reply, frozen=True, kw_only=True):
    """What is said instead of an answer (RFC 9457). `field` names the field that is at fault, where there is one."""

    type: str
    title: str
    status: int
    detail: str
    field: str | None = None


PROBLEMS = {
    400: "The body is no JSON.",
    404: "There is no such use case, or no such version.",
    408: "The body did not come in time.",
    409: "That version was written by another file of the use case, or by other libraries.",
    413: "The body is too large.",
    422: "Something given is wrong: `field` names what.",
    429: "More requests than can be answered in time.",
    502: "That version's signature does not hold.",
    503: "Not ready yet, or what is needed does not answer; `detail` says why.",
}
"""When a request is answered by a problem document, by status."""

"""A use case: one question asked of one stream, in one file."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from millrace.domain.errors import UseCaseError
from millrace.domain.facts import Event, Label
from millrace.domain.fields import roles
from millrace.domain.profiles import Profiles
from millrace.domain.silence import Unsaid, unsaid
from millrace.domain.simulation import Simulator
from millrace.domain.sources import Files, Topic, Topics, refuse_misfit
from millrace.domain.tasks import Classification, Clustering, Regression

if TYPE_CHECKING:
    from millrace.notebook import Rehearsed

E = TypeVar("E", bound=Event)
P = TypeVar("P", bound=Profiles)
L = TypeVar("L", bound=Label)

Feature = float | int | str | bool
Features = dict[str, Feature]
"""What a model sees of one event."""


Model = Any
"""A River estimator or pipeline, or anything with its verbs: `learn_one` and `predict_one` or `predict_proba_one`.

River's operators are untyped, so a checker could not tell a model from anything else; `millrace check` does.
"""


class Candidate(msgspec.Struct, frozen=True):
    """A model that competes. `build` makes it new, seeded; River is imported when it is called.

    `only` names the features it sees (default: all). `on_residual_of` names a feature that is itself a guess at the
    target: the model then learns what is left, and its answer is the feature plus the model's own.
    """

    build: Callable[[], Any]
    only: tuple[str, ...] | None = None
    on_residual_of: str | None = None
    about: str = ""


class PackageFile(msgspec.Struct, frozen=True):
    """A data file that an installed package carries; `.zip` and `.gz` are opened. CSV with a header line."""

    package: str
    path: str


Row = Mapping[str, str]
"""A line of a recorded file, by the names of its columns."""
Fact = Event | Label
"""What a use case learns from."""


class Recorded(msgspec.Struct, frozen=True):
    """A source that was recorded once and is replayed: its files, and a pure function from their rows to facts.

    `facts` gets one iterable of rows a file, by name, and yields events and labels in any order; they are replayed by
    the time they could be known. `licence` and `about` are shown where the data is shown.
    """

    files: Mapping[str, PackageFile]
    facts: Callable[[Mapping[str, Iterable[Row]]], Iterator[Fact]]
    about: str = ""
    licence: str = ""


Source = Recorded | Files | Topics
"""What exists already: a recording a package carries, a user's files, a user's topics."""

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class UseCase(Generic[E, P, L]):
    """One question asked of one stream. One that ships `by_default` is taken where a command is told no name.

    `notes` say in words what each feature is, with its unit, by the feature's name; people read them beside the numbers.
    Raises `UseCaseError`, saying what to change, when the parts do not fit together.
    """

    def __init__(
        self,
        name: str,
        question: str,
        event: type[E],
        profiles: type[P],
        *,
        features: Callable[[E, P], Features],
        task: Regression[L] | Classification[L] | Clustering[L],
        candidates: Mapping[str, Candidate],
        baselines: Mapping[str, Callable[[E, P], float]] | None = None,
        source: Source | None = None,
        simulator: Simulator | None = None,
        notes: Mapping[str, str] | None = None,
        by_default: bool = False,
        seed: int = 7,
        ledger_limit: int = 512 * 1024 * 1024,
        allowed_gap: str = "30d",
    ) -> None:
        if not _NAME.fullmatch(name):
            raise UseCaseError(f"a use case is named in lower case with dashes, as in 'parcel-delay', not {name!r}")
        if not candidates:
            raise UseCaseError(
                f"{name} has no candidate: give at least one, as in candidates={{'linear': Candidate(linear)}}"
            )
        self.name = name
        self.question = question
        self.event = event
        self.profiles = profiles
        self.features = features
        self.task = task
        self.candidates = dict(candidates)
        self.baselines = dict(baselines or {})
        self.source = source
        self.simulator = simulator
        self.notes = dict(notes or {})
        self.by_default = by_default
        self.seed = seed
        self.ledger_limit = ledger_limit
        self.allowed_gap = allowed_gap
        both = set(self.candidates) & set(self.baselines)
        if both:
            raise UseCaseError(
                f"{name}: {sorted(both)} name both a candidate and a baseline; give them different names"
            )
        self.id_field = self._field_with_role(event, "id")
        self.key_field = self._field_with_role(event, "key")
        self.of_field = self._field_with_role(task.truth.label, "of") if task.truth else ""
        self.unsaid = self._unsaid()
        self.topic_prefix = ""
        self.derive = source.derive if isinstance(source, Files | Topics) else None
        if isinstance(source, Files | Topics):
            refuse_misfit(name, source, event, self.label)

    def _field_with_role(self, kind: type[msgspec.Struct], role: str) -> str:
        found = [field for field, its in roles(kind).items() if its == role]
        if len(found) != 1:
            raise UseCaseError(
                f"{self.name}: {kind.__name__} must have exactly one field of type {role.capitalize()}[…], "
                f"it has {found or 'none'}"
            )
        return found[0]

    def _unsaid(self) -> Unsaid | None:
        """Return what makes the label of an event whose label did not come; `None` where that means nothing."""
        if not isinstance(self.task, Classification) or self.task.truth.if_missing != "negative":
            return None
        label, target = self.task.truth.label, self.task.target
        return unsaid(label, self.event, of=self.of_field, id_field=self.id_field, target=target)

    @property
    def label(self) -> type[Label] | None:
        """The label's type, or `None` when there is no truth."""
        return self.task.truth.label if self.task.truth else None

    def rehearse(self, frame: object = None) -> Rehearsed:
        """Learn from a DataFrame of pandas or polars, or from the use case's own source; return scores and predictions.

        A row is an event, and its label where the label's columns hold something. Shows itself in a notebook. Raises
        `Refused` for a column that is missing or a row that does not fit.
        """
        from millrace.notebook import rehearse

        return rehearse(self, frame)

    def topic(self, kind: str) -> str:
        """Return the name of one of the use case's topics: `events`, `labels`, `predictions`, `journal`, …

        Somebody else's topics have their own names; a prefix is put before ours.
        """
        theirs = self._theirs(kind)
        return theirs.name if theirs else f"{self.topic_prefix}{self.name}.{kind}"

    def is_ours(self, kind: str) -> bool:
        """Tell whether a topic is the use case's own, to be made where it is missing."""
        return self._theirs(kind) is None

    def _theirs(self, kind: str) -> Topic | None:
        source = self.source
        if not isinstance(source, Topics) or kind not in ("events", "labels"):
            return None
        return source.events if kind == "events" else source.labels

    def on_own_topics(self) -> UseCase[E, P, L]:
        """Return the same use case with topics of its own, in its own form: what facts at hand are written to."""
        if not isinstance(self.source, Topics):
            return self
        twin = copy.copy(self)
        twin.source = None
        return twin

    def under(self, prefix: str) -> UseCase[E, P, L]:
        """Return the same use case with another prefix before the names of its topics, as in `team-a.`."""
        if prefix == self.topic_prefix:
            return self
        twin = copy.copy(self)
        twin.topic_prefix = prefix
        return twin

    def member(self, shard: int) -> str:
        """Return the name by which a shard's trainer is known on the log: transactional id and consumer group."""
        return f"{self.topic_prefix}millrace.{self.name}.{shard}"

    @property
    def is_replayed(self) -> bool:
        """Whether its facts are a recording or files, to be replayed."""
        return isinstance(self.source, Recorded | Files)


AnyUseCase = UseCase[Any, Any, Any]

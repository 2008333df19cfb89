"""Answering from a sealed state: the very profiles, features and models the learner had."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any

import msgspec

from millrace.domain.clusters import Clusters
from millrace.domain.errors import IncompatibleState, Refused
from millrace.domain.facts import Event
from millrace.domain.times import micros
from millrace.domain.usecase import AnyUseCase, Candidate, Features
from millrace.learning.clusterer import Clusterer, Grouping
from millrace.learning.contest import Player, finite, player
from millrace.learning.profiles import Memory
from millrace.learning.sealed import MODEL, SERVING, Header, Verify, load, unseal
from millrace.usecases import hash_of


class Answer(msgspec.Struct, frozen=True):
    """What a state answers to one event: `value` is the champion's; a candidate that cannot answer is left out.

    Where events are grouped, a value is the id of a cluster (-1: none), and `words` says what the champion's is like.
    """

    value: float | None
    champion: str | None
    by_candidate: dict[str, float]
    baselines: dict[str, float]
    features: Features
    words: str | None = None


class ServingState:
    """One exact state, read-only. `answer` is safe to call from one thread at a time."""

    def __init__(self, use_case: AnyUseCase, header: Header, parts: dict[str, bytes]) -> None:
        if header.use_case_hash != hash_of(use_case):
            raise IncompatibleState(
                f"{header.state_id} was written by another version of the file of {use_case.name} "
                f"(hash {header.use_case_hash[:12]}, here {hash_of(use_case)[:12]}); serve it with the file that wrote it"
            )
        self.use_case = use_case
        self.header = header
        own = use_case.features.__module__
        serving = load(parts[SERVING], own)
        self._memory = Memory(use_case)
        self._memory.load(serving["profiles"])
        self._champion: str | None = serving["champion"]
        self._suspended: frozenset[str] = frozenset(serving["suspended"])
        self._recent: list[bytes] = serving["recent_events"]
        self._groupings: dict[str, tuple[Any, ...]] = serving.get("groupings", {})
        described: dict[str, bytes] = serving.get("clusters", {})
        self._clusters = {name: msgspec.json.decode(its, type=Clusters) for name, its in described.items()}
        theirs = self._clusters.get(self._champion or "")
        self._words = {float(it.id): it.words for it in theirs.clusters} if theirs else {}
        self._players = {
            name: self._player(name, candidate, load(parts[MODEL + name], own))
            for name, candidate in use_case.candidates.items()
            if name not in self._suspended
        }

    def _player(self, name: str, candidate: Candidate, model: Any) -> Player | Clusterer:
        made = player(self.use_case, candidate, model)
        if isinstance(made, Clusterer):
            made.grouping = Grouping(*self._groupings[name])
        return made

    @classmethod
    def open(cls, use_case: AnyUseCase, sealed: bytes, verify: Verify) -> ServingState:
        """Verify and read a sealed snapshot; raise `Untrusted` or `IncompatibleState`."""
        return cls(use_case, *unseal(sealed, verify))

    def answer(self, event: Event) -> Answer:
        """Return what this state answers to an event, with the features it was given.

        Raises `Refused` when no features can be made of the event.
        """
        try:
            seen = self._memory.seen(event, micros(event.occurred_at))
            features = self.use_case.features(event, seen)
        except Exception as error:  # an author's code may raise anything
            raise Refused(f"{type(error).__name__} while making features: {error}", kind="features") from error
        rules = self.use_case.baselines.items()
        return self._from(features, _guesses((name, partial(rule, event, seen)) for name, rule in rules))

    def answer_features(self, features: Features) -> Answer:
        """Return what this state answers to features made elsewhere; no baseline can be asked."""
        return self._from(features, {})

    def _from(self, features: Features, baselines: dict[str, float]) -> Answer:
        by_candidate = _guesses((name, partial(player.predict, features)) for name, player in self._players.items())
        value = by_candidate.get(self._champion) if self._champion else None
        words = None if value is None else self._words.get(value)
        return Answer(value, self._champion, by_candidate, baselines, features, words)

    def roles(self) -> dict[str, str]:
        """Return each candidate's role: champion, challenger or suspended."""
        return {
            name: "suspended" if name in self._suspended else "champion" if name == self._champion else "challenger"
            for name in self.use_case.candidates
        }

    def recent_events(self) -> list[bytes]:
        """Return some events met lately, as JSON."""
        return self._recent

    def clusters(self, candidate: str | None = None) -> Clusters | None:
        """Return what a candidate's clusters are like, by default the champion's; `None` where it groups nothing."""
        return self._clusters.get(candidate or self._champion or "")

    @property
    def stream_time(self) -> datetime | None:
        """The stream's time at this state, or `None` before the first event."""
        return None if self.header.stream_time is None else datetime.fromisoformat(self.header.stream_time)


def _guesses(asked: Iterable[tuple[str, Callable[[], float]]]) -> dict[str, float]:
    """Return what each of those asked says; who raises, or says no number, is left out."""
    found: dict[str, float] = {}
    for name, guess in asked:
        with suppress(Exception):  # whatever a model or a rule raises, the others answer
            found[name] = finite(float(guess()))
    return found

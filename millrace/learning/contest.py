"""The contest: candidates, of whom one is champion, and baselines, side by side on the same events."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from millrace.domain.clusters import Clusters
from millrace.domain.metrics import badness
from millrace.domain.records import Score as Standing
from millrace.domain.tasks import Classification, Clustering, Regression
from millrace.domain.times import Micros
from millrace.domain.usecase import AnyUseCase, Candidate, Feature, Features
from millrace.learning.classification import ClassificationScore
from millrace.learning.cluster_scores import ClusterScore
from millrace.learning.clusterer import Clusterer
from millrace.learning.scores import Duel, RegressionScore, Score

Foreseen = dict[str, float]
"""What each contestant predicted, by name; who could not is left out."""


class Suspension(NamedTuple):
    """A candidate that raised, what it was doing, and what it said."""

    candidate: str
    while_: str
    error: str


class Player:
    """A candidate with its model. `sees` keeps to the features it asked for."""

    def __init__(self, candidate: Candidate, model: Any, *, probability: bool) -> None:
        self.model = model
        self._only = candidate.only
        self._base = candidate.on_residual_of
        self._probability = probability

    def sees(self, features: Features) -> Features:
        """Return the features the model is given."""
        return features if self._only is None else {name: features[name] for name in self._only}

    def predict(self, features: Features) -> float:
        """Return the prediction: a number, or the probability of yes."""
        x = self.sees(features)
        if self._probability:
            return float(self.model.predict_proba_one(x).get(True, 0.0))
        guess = float(self.model.predict_one(x))
        return guess if self._base is None else guess + float(features[self._base])

    def learn(self, features: Features, truth: float) -> None:
        """Learn one example."""
        x = self.sees(features)
        if self._probability:
            self.model.learn_one(x, bool(truth))
        else:
            self.model.learn_one(x, truth if self._base is None else truth - float(features[self._base]))


def player(use_case: AnyUseCase, candidate: Candidate, model: Any) -> Player | Clusterer:
    """Return a candidate as it competes for its use case's task."""
    if isinstance(use_case.task, Clustering):
        return Clusterer(candidate, model, use_case.task)
    return Player(candidate, model, probability=isinstance(use_case.task, Classification))


def players(use_case: AnyUseCase, models: Mapping[str, Any] | None = None) -> dict[str, Player | Clusterer]:
    """Return a use case's candidates with the models given, or with new ones."""
    return {
        name: player(use_case, it, it.build() if models is None else models[name])
        for name, it in use_case.candidates.items()
    }


class Contest:
    """Who competes, how they have done, who is champion and who is suspended."""

    def __init__(self, use_case: AnyUseCase, models: Mapping[str, Any] | None = None) -> None:
        self.players = players(use_case, models)
        self._baselines = use_case.baselines
        self._new_score = score_for(use_case)
        names = [*self.players, *self._baselines]
        self.scores: dict[str, Score] = {name: self._new_score() for name in names}
        self.scorecard_every = self._new_score().scorecard_every
        self.duels: dict[str, Duel] = {name: Duel() for name in names}
        self.losses: dict[str, float] = {}
        """What each lost at the newest label."""
        self.champion: str | None = next(iter(self.players))
        self.suspended: dict[str, str] = {}

    def foresee(self, event: Any, seen: Any, features: Features) -> tuple[Foreseen, list[Suspension]]:
        """Return what everyone predicts. A candidate that raises, or predicts no number, is suspended."""
        foreseen: Foreseen = {}
        fallen: list[Suspension] = []
        for name, player in self.players.items():
            if name in self.suspended:
                continue
            try:
                foreseen[name] = finite(player.predict(features))
            except Exception as error:  # noqa: BLE001 - whatever a model raises, the service goes on
                fallen.append(self._suspend(name, "predicting", error))
        for name, rule in self._baselines.items():
            if name not in self.suspended:
                try:
                    foreseen[name] = finite(float(rule(event, seen)))
                except Exception as error:  # noqa: BLE001 - an author's rule may raise anything
                    fallen.append(self._suspend(name, "predicting", error))
        return foreseen, fallen

    def learn(self, features: Features, foreseen: Foreseen, truth: float) -> list[Suspension]:
        """Score what was foreseen, then let every healthy candidate learn the truth."""
        self.score(foreseen, truth)
        fallen: list[Suspension] = []
        for name, player in self.players.items():
            if name in self.suspended:
                continue
            assert isinstance(player, Player)
            try:
                player.learn(features, truth)
            except Exception as error:  # noqa: BLE001 - whatever a model raises, the service goes on
                fallen.append(self._suspend(name, "learning", error))
        return fallen

    def group(self, features: Features, foreseen: Foreseen, event: Any, at: Micros) -> list[Suspension]:
        """Let every healthy candidate that groups learn an event at once, and judge the groups without truth."""
        fallen: list[Suspension] = []
        for name, player in self.players.items():
            if name in self.suspended:
                continue
            assert isinstance(player, Clusterer)
            score = self.scores[name]
            assert isinstance(score, ClusterScore)
            try:
                look = player.learn(features, foreseen[name], event, at)
            except Exception as error:  # noqa: BLE001 - whatever a model raises, the service goes on
                fallen.append(self._suspend(name, "learning", error))
                continue
            score.saw(foreseen[name], look.silhouette)
            score.renewed(look.kept, look.of)
        return fallen

    def clusters(self) -> dict[str, Clusters]:
        """Return what each healthy candidate's clusters are like; nothing where candidates do not group."""
        return {
            name: player.profiles.clusters(name)
            for name, player in self.players.items()
            if isinstance(player, Clusterer) and name not in self.suspended
        }

    def score(self, foreseen: Foreseen, truth: float | str) -> None:
        """Score what was foreseen against the truth, and hold it against the champion's."""
        losses = self.losses = {name: self.scores[name].add(value, truth) for name, value in foreseen.items()}  # type: ignore[arg-type]
        best = losses.get(self.champion) if self.champion else None
        if best is not None:
            for name, loss in losses.items():
                if name != self.champion:
                    self.duels[name].add(loss - best)

    def standings(self) -> dict[str, Standing]:
        """Return how everyone who competes stands."""
        return {
            name: Standing(
                role=self._role(name),
                labels=score.labels,
                overall=score.overall(),
                recent=score.recent(),
                versus_champion=self.duels[name].mean(),
            )
            for name, score in self.scores.items()
        }

    def _role(self, name: str) -> Any:
        if name in self.suspended:
            return "suspended"
        if name == self.champion:
            return "champion"
        return "challenger" if name in self.players else "baseline"

    def promote(self, candidate: str) -> None:
        """Make a healthy candidate champion; comparisons begin anew."""
        self.champion = candidate
        self.duels = {name: Duel() for name in self.duels}

    def _suspend(self, name: str, while_: str, error: Exception) -> Suspension:
        self.suspended[name] = f"{type(error).__name__} while {while_}: {error}"
        if name == self.champion:
            self._crown_the_best()
        return Suspension(name, while_, f"{type(error).__name__}: {error}")

    def _crown_the_best(self) -> None:
        healthy = [name for name in self.players if name not in self.suspended]
        if healthy:
            self.promote(min(healthy, key=self._badness))
        else:
            self.champion = None

    def _badness(self, name: str) -> float:
        score = self.scores[name]
        return badness(score.metric, score.recent().get(score.metric, score.overall().get(score.metric)))

    def dump(self) -> dict[str, Any]:
        """Return everything but the models, as it is kept in a checkpoint."""
        return {
            "scores": self.scores,
            "duels": self.duels,
            "champion": self.champion,
            "suspended": self.suspended,
            "groups": {name: it.dump() for name, it in self.players.items() if isinstance(it, Clusterer)},
        }

    def load(self, kept: Mapping[str, Any]) -> None:
        """Take over what another contest kept."""
        self.scores, self.duels = kept["scores"], kept["duels"]
        self.champion, self.suspended = kept["champion"], kept["suspended"]
        for name, groups in kept["groups"].items():
            player = self.players[name]
            assert isinstance(player, Clusterer)
            player.load(groups)

    def inherit(self, kept: Mapping[str, Any], names: Collection[str]) -> None:
        """Take over what another contest kept of those named; whose champion is not among them, the best of them is."""
        going_on = [name for name in self.scores if name in names and name in kept["scores"]]
        self.scores |= {name: kept["scores"][name] for name in going_on}
        self.suspended = {name: why for name, why in kept["suspended"].items() if name in going_on}
        for name in going_on:
            player = self.players.get(name)
            if isinstance(player, Clusterer):
                player.load(kept["groups"][name])
        if kept["champion"] in going_on:
            self.champion = kept["champion"]
            self.duels |= {name: kept["duels"][name] for name in going_on}
        else:
            self._crown_the_best()


def finite(number: float) -> float:
    """Return a number; raise `ValueError` when it is none or has no end."""
    if number != number or number in (float("inf"), float("-inf")):
        raise ValueError(f"the model answered {number}")
    return number


def score_for(use_case: AnyUseCase) -> Callable[[], Score]:
    """Return what makes an empty score of the kind that a use case's task asks for."""
    task = use_case.task
    if isinstance(task, Regression):
        return RegressionScore
    if isinstance(task, Classification):
        return lambda: ClassificationScore(task.act_at, task.metric)
    return lambda: ClusterScore("v_measure" if task.truth else "silhouette")


__all__ = ["Contest", "Feature", "Foreseen", "Player", "Suspension", "finite", "player", "players", "score_for"]

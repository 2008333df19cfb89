"""Events are grouped as they come: predicted, then learnt at once; under ids that last; told in words."""

from __future__ import annotations

import math
import random
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score, v_measure_score  # type: ignore[import-untyped]

from millrace.domain.errors import UseCaseError
from millrace.domain.facts import Event
from millrace.domain.tasks import Clustering, Truth
from millrace.learning.anchors import anchors_of
from millrace.learning.cluster_scores import NOISE, ClusterScore, agreement
from millrace.learning.clusterer import Clusterer
from millrace.learning.digest import digest
from millrace.learning.identities import Identities
from millrace.learning.learner import Learner
from millrace.learning.ledger import Ledger
from millrace.learning.outcomes import Foreseeing, Refusal
from millrace.learning.states import checkpoint_parts, restore
from tests.learning.kinds import Counting, Kind, Met, dbstream, denstream, facts, k_means, use_case

MODELS = {"dbstream": dbstream, "denstream": denstream, "k_means": k_means}


def learnt(learner: Learner, count: int, **more: bool) -> list[Foreseeing]:
    return [it for it in learner.meet(Met(fact) for fact in facts(count, **more)) if isinstance(it, Foreseeing)]


def clusterer(learner: Learner, name: str) -> Clusterer:
    player = learner.contest.players[name]
    assert isinstance(player, Clusterer)
    return player


@pytest.mark.parametrize("name", MODELS)
def test_kinds_that_lie_apart_are_found(name: str) -> None:
    """Three kinds, three clusters that hold at least one in ten, and next to no disagreement with the truth."""
    learner = Learner(use_case(**{name: MODELS[name]}))
    learnt(learner, 6_000)
    recent = learner.contest.scores[name].recent()
    assert recent["v_measure"] > 0.9
    large = [it for it in learner.contest.clusters()[name].clusters if it.share > 0.1]
    assert len(large) == 3


def test_an_event_is_predicted_before_it_is_learnt() -> None:
    """What was predicted of an event is the same whatever the event itself would have taught."""
    learner = Learner(use_case())
    predictions = learnt(learner, 300)
    met = [it for it in facts(301) if isinstance(it, Event)][-1]
    before = clusterer(learner, "dbstream").predict(learner.use_case.features(met, None))
    (last,) = [it for it in learner.meet([Met(met)]) if isinstance(it, Foreseeing)]
    assert last.foreseen["dbstream"] == before
    assert predictions[0].foreseen["dbstream"] == NOISE
    assert learner.counters["learnt"] == learner.counters["events"] == 301


def test_truth_scores_and_is_never_learnt() -> None:
    """With other labels, or none, predictions and models are the same; only scores differ."""
    with_truth, without = Learner(use_case()), Learner(use_case())
    foreseen = [it.foreseen for it in learnt(with_truth, 1_500)]
    assert foreseen == [it.foreseen for it in learnt(without, 1_500, labels=False)]
    assert digest(with_truth.dump()["models"]) == digest(without.dump()["models"])
    assert "v_measure" in with_truth.contest.scores["dbstream"].overall()
    assert "v_measure" not in without.contest.scores["dbstream"].overall()


def test_it_needs_no_truth_at_all() -> None:
    """Without a label's type nothing waits; a doubled event is still noticed; the silhouette ranks."""
    learner = Learner(use_case(truth=False))
    learnt(learner, 1_500, labels=False)
    assert not learner.ledger.waiting
    assert learner.contest.scores["dbstream"].metric == "silhouette"
    assert learner.contest.scores["dbstream"].recent()["silhouette"] > 0.7
    again = next(facts(1, labels=False))
    (refused,) = learner.meet([Met(again)])
    assert isinstance(refused, Refusal)
    assert refused.reason == "duplicate"


@pytest.mark.parametrize("name", MODELS)
def test_a_restored_state_goes_on_the_same(name: str) -> None:
    """Restored between looks at the clusters, at one, and before the first, the end is byte-equal."""
    case = use_case(**{name: MODELS[name]})
    stream = [Met(it) for it in facts(2_500)]
    whole = Learner(case)
    list(whole.meet(stream))
    learner = Learner(case)
    cuts = [0, 150, 400, 1_999, 3_100, len(stream)]
    for first, last in pairwise(cuts):
        list(learner.meet(stream[first:last]))
        learner = restore(case, checkpoint_parts(learner))
    assert digest(learner.dump()) == digest(whole.dump())


def test_ids_outlive_the_numbers_of_the_model() -> None:
    """A model that numbers its clusters anew every thousand events: the ids of those who were in them go on."""
    learner = Learner(use_case(counting=Counting))
    predictions = learnt(learner, 9_000)
    kinds = {f.visit_id: f.kind for f in facts(9_000) if isinstance(f, Kind)}
    late = [(kinds[it.event_id], it.foreseen["counting"]) for it in predictions[1_000:]]
    ids = {kind: Counter(id_ for its, id_ in late if its == kind).most_common(1)[0][0] for kind in set(kinds.values())}
    assert len(set(ids.values())) == 3
    assert NOISE not in ids.values()
    assert sum(ids[kind] == id_ for kind, id_ in late) / len(late) > 0.99
    assert clusterer(learner, "counting").identities.next == 3


@given(st.lists(st.lists(st.integers(0, 5), min_size=12, max_size=12), min_size=1, max_size=8))
def test_no_id_is_given_to_two_clusters_and_none_comes_from_nowhere(looks: list[list[int]]) -> None:
    """However a model numbers: at each look ids are distinct, and a new one is greater than all before."""
    identities, rng = Identities(), random.Random(1)
    members = [((rng.random(), rng.random()), int(NOISE)) for _ in range(12)]
    known: set[int] = set()
    for numbers in looks:
        named = identities.name(members, numbers)
        assert len(set(named.values())) == len(named) == len(set(numbers))
        assert all(id_ > max(known, default=0) for id_ in set(named.values()) - known)
        known |= set(named.values())
        members = [(at, named[number]) for (at, _), number in zip(members, numbers, strict=True)]


def test_a_cluster_that_was_lost_takes_its_id_back() -> None:
    """It had no members for a while, and then lies where it lay: it is the one it was; elsewhere it is another."""
    here = [((0.1 * n, 0.0), int(NOISE)) for n in range(10)]
    there = [((50 + 0.1 * n, 0.0), int(NOISE)) for n in range(10)]
    identities = Identities()
    first = identities.name(here + there, [0] * 10 + [1] * 10)
    identities.name([(at, first[0]) for at, _ in here], [0] * 10)
    back = identities.name([(at, first[0]) for at, _ in here] + there, [0] * 10 + [7] * 10)
    assert back == {0: first[0], 7: first[1]}
    elsewhere = [((90 + 0.1 * n, 0.0), int(NOISE)) for n in range(10)]
    other = identities.name([(at, first[0]) for at, _ in here] + elsewhere, [0] * 10 + [7] * 10)
    assert other[7] not in first.values()


def test_of_a_cluster_that_parts_the_larger_piece_keeps_the_id() -> None:
    """And the smaller gets a new one; when they join again, the larger's stays."""
    members = [((float(n), 0.0), int(NOISE)) for n in range(10)]
    identities = Identities()
    (one,) = identities.name(members, [0] * 10).values()
    was_one = [(at, one) for at, _ in members]
    parted = identities.name(was_one, [5] * 7 + [6] * 3)
    assert parted[5] == one
    assert parted[6] > one
    joined = identities.name([*was_one[:7], *((at, parted[6]) for at, _ in members[7:])], [2] * 10)
    assert joined == {2: one}


@given(st.lists(st.tuples(st.integers(-1, 5), st.sampled_from("abcd")), min_size=2, max_size=200))
def test_agreement_is_scikit_learns(pairs: list[tuple[int, str]]) -> None:
    """V-measure and adjusted Rand are those of scikit-learn, from counts alone; noise is a cluster like any other."""
    found = agreement(Counter((float(cluster), group) for cluster, group in pairs))
    clusters, groups = [it[0] for it in pairs], [it[1] for it in pairs]
    assert math.isclose(found["v_measure"], v_measure_score(groups, clusters), abs_tol=1e-9)
    assert math.isclose(found["adjusted_rand"], adjusted_rand_score(groups, clusters), abs_tol=1e-9)


def test_who_tells_the_groups_apart_loses_less() -> None:
    """The loss that compares candidates: low for clusters that say what is true in them, high for one that holds all."""
    apart, mixed = ClusterScore(), ClusterScore()
    rng = random.Random(2)
    losses = [(apart.add(float("abc".index(kind)), kind), mixed.add(1.0, kind)) for kind in rng.choices("abc", k=2_000)]
    assert sum(one for one, _ in losses[1_000:]) < 20
    assert sum(other for _, other in losses[1_000:]) > 1_000


def test_scores_are_higher_when_clusters_are_better() -> None:
    """Silhouette included: River's is the other way round."""
    good, poor = (Learner(use_case(it=build)) for build in (dbstream, Arbitrary))
    for learner in (good, poor):
        learnt(learner, 2_500)
    better, worse = (learner.contest.scores["it"].recent() for learner in (good, poor))
    for metric in ("v_measure", "adjusted_rand", "silhouette"):
        assert better[metric] > worse[metric] + 0.2


class Arbitrary(Counting):
    """Groups by what has nothing to do with the kinds."""

    def predict_one(self, x: dict[str, float]) -> int:  # type: ignore[override]
        """Return one of two numbers."""
        return int(x["pages"] * 1_000) % 2


def test_a_cluster_is_told_by_what_sets_it_apart() -> None:
    """In the author's words; with size, share and features beside those of all; with events that were in it."""
    learner = Learner(use_case())
    learnt(learner, 5_000)
    found = learner.contest.clusters()["dbstream"]
    words = {frozenset(it.words.split(", ")) for it in found.clusters if it.share > 0.1}
    assert words == {
        frozenset({"few pages seen", "short stay"}),
        frozenset({"few pages seen", "long stay"}),
        frozenset({"many pages seen", "short stay"}),
    }
    quick = next(it for it in found.clusters if it.words.startswith("many"))
    pages = quick.features["pages"]
    assert abs(pages.mean - 8) < 0.2 < abs(pages.overall_mean - 8)
    assert 7 < pages.quantiles["0.1"] < pages.quantiles["0.5"] < pages.quantiles["0.9"] < 9
    assert all(sample["pages"] > 4 for sample in quick.samples)
    assert sum(it.size for it in found.clusters) <= found.window
    assert [sum(each.sizes.values()) for each in found.history] == [1_000] * 5


def test_far_from_every_dense_place_is_noise() -> None:
    """DBSTREAM's own rule: in the radius of no strong micro-cluster there is no cluster."""
    learner = Learner(use_case())
    learnt(learner, 2_000)
    player = clusterer(learner, "dbstream")
    assert player.predict({"pages": 4.0, "minutes": 4.0}) == NOISE
    assert player.predict({"pages": 8.0, "minutes": 0.0}) != NOISE
    assert anchors_of(player.model, ("pages", "minutes")).reach == 1.5


def test_what_is_remembered_is_bounded() -> None:
    """A model that makes a new cluster of every thousand events fills no memory."""

    class Restless(Counting):
        def predict_one(self, x: object) -> int:
            return self.learnt

    learner = Learner(use_case(restless=Restless))
    learnt(learner, 6_000)
    player = clusterer(learner, "restless")
    assert len(player.profiles.by_id) <= 64
    assert len(player.identities.places) <= 100
    assert len(player.members) <= 1_000


def test_a_model_that_raises_is_suspended_and_the_others_go_on() -> None:
    """Whether it raises while predicting or while learning."""

    class Failing(Counting):
        def learn_one(self, x: object) -> None:
            super().learn_one({})
            if self.learnt == 500:
                raise ArithmeticError("no more")

    learner = Learner(use_case(failing=Failing, dbstream=dbstream))
    learnt(learner, 1_500)
    assert "no more" in learner.contest.suspended["failing"]
    assert learner.contest.champion == "dbstream"
    assert list(learner.contest.clusters()) == ["dbstream"]


def test_truth_and_its_target_go_together() -> None:
    """A truth without a target, or the other way round, is refused when the use case is defined."""
    with pytest.raises(UseCaseError, match="together"):
        Clustering(describe={}, truth_for_scoring=Truth(label=Kind, patience="1d"))
    assert isinstance(Learner(use_case()).ledger, Ledger)

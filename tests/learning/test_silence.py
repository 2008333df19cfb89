"""Where no label means no: it is learnt at the horizon, in no telling order, and remembered as a label that says no."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import NamedTuple

import pytest

from millrace import (
    Candidate,
    Classification,
    Event,
    Features,
    Id,
    Key,
    Label,
    Of,
    Profiles,
    Truth,
    UseCase,
    decayed_mean,
)
from millrace.domain.errors import UseCaseError
from millrace.domain.facts import available_at
from millrace.learning.digest import digest
from millrace.learning.learner import Learner
from millrace.learning.states import checkpoint_parts, restore
from millrace.rehearsal import rehearse
from tests.trainer.world import START


class Payment(Event):
    payment_id: Id[str]
    card: Key[str]
    amount: float


class Chargeback(Label):
    payment_id: Of[str]
    card: str
    fraud: bool
    why: str = ""


class Seen(Profiles):
    card = decayed_mean("fraud", by="card", alpha=0.5, unseen=0.0)
    paid = decayed_mean(lambda p, c: p.amount if c.fraud else 0.0, by="card", alpha=0.5, unseen=0.0)


class Notes:
    """A model that writes down what it is taught, and knows nothing."""

    def __init__(self) -> None:
        self.taught: list[tuple[float, bool]] = []

    def predict_proba_one(self, x: Features) -> dict[bool, float]:
        return {True: 0.1}

    def learn_one(self, x: Features, y: bool) -> None:
        self.taught.append((float(x["amount"]), y))


def case(label: type[Label] = Chargeback, **truth: str) -> UseCase[Payment, Seen, Chargeback]:
    told = {"patience": "2d", "release": "at_horizon", "if_missing": "negative", **truth}
    return UseCase(
        "card-charge",
        "Is it fraud?",
        Payment,
        Seen,
        features=lambda p, seen: {"amount": p.amount, "card": seen.card},
        task=Classification(target=lambda c: c.fraud, truth=Truth(label, **told)),  # type: ignore[arg-type]
        candidates={"notes": Candidate(Notes)},
        baselines={"the card's share": lambda p, seen: seen.card},
    )


class Met(NamedTuple):
    time: int
    fact: Event | Label


def payment(name: str, minute: float = 0, card: str = "c") -> Payment:
    at = START + timedelta(minutes=minute)
    return Payment(occurred_at=at, payment_id=name, card=card, amount=float(name.strip("p")))


def chargeback(name: str, minute: float, card: str = "c") -> Chargeback:
    return Chargeback(known_at=START + timedelta(minutes=minute), payment_id=name, card=card, fraud=True)


def met(*facts: Event | Label) -> list[Met]:
    timed = [(available_at(f), f) for f in facts]  # type: ignore[attr-defined]
    return [Met(time, fact) for time, fact in sorted(timed, key=lambda it: it[0])]


DAY = 24 * 60


def learnt(*facts: Event | Label, **truth: str) -> Learner:
    learner = Learner(case(**truth))
    list(learner.meet(met(*facts)))
    return learner


def taught(learner: Learner) -> list[tuple[float, bool]]:
    found: list[tuple[float, bool]] = learner.contest.players["notes"].model.taught
    return found


def test_no_label_within_patience_means_no() -> None:
    """It is learnt when the patience runs out, not before, and counted."""
    waiting = learnt(payment("p1"), payment("p2", 2 * DAY))
    assert taught(waiting) == []
    done = learnt(payment("p1"), payment("p2", 2 * DAY + 1))
    assert taught(done) == [(1.0, False)]
    assert done.counters["taken_for_no"] == done.counters["learnt"] == 1
    assert "expired" not in done.counters


def test_a_yes_is_held_until_silence_may_speak() -> None:
    """A chargeback known after an hour is learnt with the payments of its moment, two days later."""
    done = learnt(payment("p1"), chargeback("p1", 60), payment("p2", 2 * DAY))
    assert taught(done) == []
    done = learnt(payment("p1"), chargeback("p1", 60), payment("p2", 2 * DAY + 1))
    assert taught(done) == [(1.0, True)]


def test_the_order_of_one_moment_does_not_tell_the_class() -> None:
    """Yes and no of payments of one moment are learnt mixed, by a seeded hash."""
    names = [f"p{i}" for i in range(60)]
    facts = [payment(name) for name in names] + [chargeback(name, 30) for name in names[::2]]
    order = [yes for _, yes in taught(learnt(*facts, payment("p99", 3 * DAY)))]
    assert sum(order) == 30
    changes = sum(a != b for a, b in pairwise(order))
    assert 15 < changes < 45


def test_a_label_that_comes_after_it_was_taken_for_no_is_late() -> None:
    """It changes nothing that was learnt: a state that was rebuilt must not depend on how long one waits."""
    done = learnt(payment("p1"), payment("p2", 2 * DAY + 1), chargeback("p1", 2 * DAY + 2))
    assert taught(done) == [(1.0, False)]
    assert done.counters["labels_late"] == 1


def test_silence_is_remembered_as_a_label_that_says_no() -> None:
    """Profiles of event and label move towards no, for the card of the event."""
    facts = (payment("p4"), chargeback("p4", 5), payment("p8", 10), payment("p1", 3 * DAY, card="another"))
    tables = learnt(*facts).memory.tables
    assert tables["card"].cells == {"c": 0.5}
    assert tables["paid"].cells == {"c": 2.0}


class Verdict(Label):
    payment_id: Of[str]
    grade: int
    fraud: bool = True


class Found(Label):
    payment_id: Of[str]
    fraud: str = "yes"


@pytest.mark.parametrize(
    ("label", "says"),
    [(Verdict, "what is 'grade' of a Verdict then"), (Found, "the target reads yes from a Found")],
)
def test_a_label_that_cannot_say_no_is_refused(label: type[Label], says: str) -> None:
    """At once, and it says what to change."""
    with pytest.raises(UseCaseError, match=says):
        case(label)


def test_a_horizon_before_silence_may_speak_is_refused() -> None:
    """Every yes would be learnt before any no."""
    with pytest.raises(UseCaseError, match="every yes would be learnt before any no"):
        case(horizon="1d")


def test_it_is_rehearsed_and_restored_as_any_other() -> None:
    """Scores count the noes nobody sent; a state restored in between ends equal."""
    facts = [payment(f"p{i}", i * 30, card=f"card-{i % 5}") for i in range(400)]
    late = [chargeback(f"p{i}", i * 30 + 200, card=f"card-{i % 5}") for i in range(0, 300, 20)]
    report = rehearse(case(), [it.fact for it in met(*facts, *late)])
    assert report.labels == report.counters["learnt"] > report.counters["labels_matched"] == 15
    assert report.candidates["notes"].metrics["roc_auc"] == 0.5
    assert report.metric == "average_precision"
    learner, whole = Learner(linear_case()), Learner(linear_case())
    list(whole.meet(met(*facts, *late)))
    stream = met(*facts, *late)
    list(learner.meet(stream[:200]))
    learner = restore(linear_case(), checkpoint_parts(learner))
    list(learner.meet(stream[200:]))
    assert digest(learner.dump()) == digest(whole.dump())


def logistic() -> object:
    from river import linear_model, preprocessing

    return preprocessing.StandardScaler() | linear_model.LogisticRegression()


def linear_case() -> UseCase[Payment, Seen, Chargeback]:
    it = case()
    it.candidates = {"logistic": Candidate(logistic)}
    return it

"""A label that lies between an event and a later record is made when the two have met."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec

from millrace import Topic, Topics
from millrace.domain.usecase import AnyUseCase
from millrace.learning.learner import Learner
from millrace.learning.states import checkpoint_parts, restore
from millrace.testing import replay
from tests.trainer.world import START, Delivered, Parcel, parcels, with_source


def deriving(derive: Any) -> AnyUseCase:
    topic = Topic("theirs")
    return with_source(parcels, Topics(events=topic, labels=topic, derive=derive))


def minutes(event: Parcel, label: Delivered) -> Delivered:
    late = (label.known_at - event.occurred_at).total_seconds() / 60
    return msgspec.structs.replace(label, minutes_late=late)


SENT = Parcel(occurred_at=START, parcel_id="p", depot="d", distance=1.0)
BARE = Delivered(known_at=START + timedelta(minutes=40), parcel_id="p", depot="d")
TOLD = msgspec.structs.replace(BARE, minutes_late=40.0)
LATER = Parcel(occurred_at=START + timedelta(minutes=50), parcel_id="q", depot="d", distance=1.0)


def test_it_is_made_of_both_and_learnt_as_if_it_had_been_told() -> None:
    """Models, scores and profiles see the label that was made."""
    made = replay(deriving(minutes), [SENT, BARE, LATER])
    told = replay(parcels, [SENT, TOLD, LATER])
    assert made.scores == told.scores
    assert made.features == told.features
    assert made.features["q"]["usual"] == 40.0
    assert made.counters == told.counters


def test_a_function_that_raises_loses_its_label_only() -> None:
    """It is counted, and the stream goes on."""
    found = replay(deriving(lambda event, label: label.nothing), [SENT, BARE, LATER])
    assert (found.counters["derive_failed"], found.counters["events"]) == (1, 2)
    assert "learnt" not in found.counters


def test_it_is_made_after_a_restore_too() -> None:
    """A label that waits in a checkpoint is made when it is settled."""
    use_case = deriving(minutes)
    learner = Learner(use_case)
    list(learner.meet([_Met(SENT, SENT.occurred_at)]))
    again = restore(use_case, checkpoint_parts(learner))
    list(again.meet([_Met(BARE, BARE.known_at), _Met(LATER, LATER.occurred_at)]))
    assert again.contest.scores["usual"].overall()["mae"] == 40.0


class _Met:
    def __init__(self, fact: Any, at: Any) -> None:
        self.fact = fact
        self.time = int(at.timestamp()) * 1_000_000

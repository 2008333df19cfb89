"""Drift is found within 2,000 events, and what repeats every day or week is none."""

from __future__ import annotations

import math
import pickle
import random
from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millrace import Features
from millrace.domain.log import TopicPartition
from millrace.domain.records import Alarm
from millrace.domain.times import micros
from millrace.domain.usecase import Feature
from millrace.learning.digest import digest
from millrace.learning.drift import PREDICTION, RARE_GROUP, SAMPLE_EVERY, Drift, Found
from millrace.learning.learner import Learner
from millrace.learning.page_hinkley import ErrorWatch
from millrace.learning.psi import Bins, FeatureWatch, Reference
from millrace.learning.shard import Shard
from millrace.learning.states import checkpoint_parts, restore
from millrace.rehearsal import rehearse
from tests.trainer.world import START, Delivered, Parcel, parcels

DAY = 86_400_000_000
A_DAY = 7_000
"""Events a day: two weeks are 98,000."""
BEGINS = 20_000
KNOWN = 8 * A_DAY
"""Events after which every part of the week was met: small rises of an error are told from then on."""


class Day(NamedTuple):
    """One event of a stream with habits: what is seen of it, what was foreseen, what the error was."""

    at: int
    features: Features
    foreseen: dict[str, float]
    losses: dict[str, float]


def stream(events: int, seed: int, changes: str = "", begins: int = BEGINS) -> Iterator[Day]:
    """A shop's day: busier evenings, other weekends, slow moods (autocorrelated), and one change."""
    rng = random.Random(seed)
    mood = 0.0
    for i in range(events):
        day = i / A_DAY
        changed = changes if i >= begins else ""
        evening = math.sin(2 * math.pi * day)
        weekend = int(day) % 7 >= 5
        mood = 0.995 * mood + rng.gauss(0, 0.1)
        amount = math.exp(rng.gauss(3 + 0.3 * evening + 0.15 * weekend + 0.7 * (changed == "amount"), 0.8))
        kinds = "aabbccddd" if changed == "kind" else "aaabbbccd"
        features: Features = {
            "amount": amount,
            "hour": float(int(day % 1 * 24)),
            "weekday": int(day) % 7,
            "kind": rng.choice(kinds),
            "lately": float(int(min(rng.expovariate(1 / (2 + evening + weekend)), 30.0))),
            "mood": mood + 0.3 * evening,
            "new": rng.random() < (0.35 if changed == "new" else 0.05),
            **{f"noise {n}": rng.gauss(0.3 * evening, 1) for n in range(6)},
        }
        error = abs(rng.gauss(0, 1)) * (1 + 0.25 * evening + 0.15 * weekend) * (1.5 if changed == "error" else 1.0)
        losses = {"adaptive": error, "static": error + 0.1 * rng.random(), "usual": 1.0}
        yield Day(int(day * DAY), features, {"adaptive": amount / 10, "usual": 1.0}, losses)


def told(events: int, seed: int, changes: str = "", begins: int = BEGINS) -> list[tuple[int, Found]]:
    drift = Drift(["adaptive", "static"])
    found: list[tuple[int, Found | None]] = []
    for number, it in enumerate(stream(events, seed, changes, begins), start=1):
        if number % SAMPLE_EVERY == 0:
            found.append((number, drift.saw(it.features, "adaptive", it.foreseen, it.at)))
        found.append((number, drift.erred(it.losses, it.at)))
    return [(number, one) for number, one in found if one is not None]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_two_quiet_weeks_raise_at_most_one_alarm_each(seed: int) -> None:
    """Day and night, weekends and slow moods are no drift."""
    assert len(told(14 * A_DAY, seed)) <= 2


@pytest.mark.parametrize(("changes", "name"), [("amount", "amount"), ("kind", "kind"), ("new", "new")])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_feature_that_changes_is_found_within_2000_events(changes: str, name: str, seed: int) -> None:
    """And it is the feature that is named, with what else moved in the same alarm."""
    before, found = [], []
    for number, one in told(BEGINS + 2_000, seed, changes):
        (found if number > BEGINS else before).append(one)
    assert before == []
    assert [(one.what, one.name) for one in found] == [("feature", name)]
    assert found[0].value > found[0].threshold
    if changes == "amount":
        assert PREDICTION in found[0].also


@pytest.mark.parametrize("seed", [1, 2])
def test_an_error_that_grows_is_found_within_2000_labels(seed: int) -> None:
    """Half as much again, on both candidates: told once."""
    found = [(number, one) for number, one in told(KNOWN + 2_000, seed, "error", KNOWN) if number > KNOWN]
    assert [one.what for _, one in found] == ["error"]
    assert found[0][1].name in ("adaptive", "static")  # "usual" never changes


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_rare_loss_that_grows_sixfold_is_found_within_2000_labels(seed: int) -> None:
    """One yes in a hundred costs nearly all of a log loss; six in a hundred are drift, and one in a hundred never is."""
    drift, rng = Drift(["model"], RARE_GROUP), random.Random(seed)
    found = []
    for i in range(KNOWN + 2_000):
        yes = rng.random() < (0.06 if i >= KNOWN else 0.01)
        told = drift.erred({"model": rng.uniform(2.0, 6.0) if yes else rng.uniform(0.0, 0.03)}, i * DAY // A_DAY)
        found += [(i, told.what)] if told else []
    assert [what for _, what in found] == ["error"]
    assert found[0][0] > KNOWN


def test_after_an_alarm_the_new_ways_become_usual() -> None:
    """One change is one alarm, not one a day."""
    assert len(told(BEGINS + 30_000, 1, "amount")) <= 2


def test_an_error_that_falls_is_no_alarm() -> None:
    """Learning is no drift."""
    watch, rng = ErrorWatch(8), random.Random(1)
    assert not any(watch.take(0, abs(rng.gauss(0, 1)) * (1.0 if i < 2_000 else 0.3)) for i in range(6_000))


def test_one_wild_error_is_no_alarm() -> None:
    """However wild."""
    watch, rng = ErrorWatch(8), random.Random(1)
    for _ in range(2_000):
        watch.take(0, abs(rng.gauss(0, 1)))
    assert watch.take(0, 1e12) is None
    assert watch.take(0, 1.0) is None


def test_psi_is_that_of_the_textbook() -> None:
    """A feature that turns from even odds to nine in ten: (0.9 - 0.5) ln(0.9 / 0.5) + (0.1 - 0.5) ln(0.1 / 0.5)."""
    bins = Bins.cut([True, False] * 500)
    reference = Reference(bins.size)
    reference.add(0, bins.counts([True, False] * 5_000))
    found = reference.index([(0, bins.counts([True] * 900 + [False] * 100))])
    textbook = 0.4 * math.log(0.9 / 0.5) - 0.4 * math.log(0.1 / 0.5)
    assert found == pytest.approx(textbook, rel=0.01)


def test_what_passes_is_told_and_then_watched_again() -> None:
    """A feature that was told is silent until the change has passed; the same change later is told again, a mild one is not."""
    rng = random.Random(1)

    def told_in(shift: float, blocks: int) -> int:
        return sum(watch.take(0, [rng.gauss(shift, 1) for _ in range(64)]) is not None for _ in range(blocks))

    watch = FeatureWatch()
    assert told_in(0.0, 50) == 0
    assert told_in(3.0, 6) == 1
    assert told_in(0.0, 20) == 0
    assert told_in(0.3, 6) == 0
    assert told_in(0.0, 6) == 0
    assert told_in(-3.0, 6) == 1


values = st.one_of(
    st.floats(allow_nan=False),
    st.integers(-(10**6), 10**6),
    st.booleans(),
    st.sampled_from(["a", "b", ""]),
    st.just(0.0),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(values, max_size=6), min_size=1, max_size=6), st.integers(0, 5))
def test_whatever_a_feature_is_it_can_be_watched(blocks: list[list[Feature]], part: int) -> None:
    """Numbers, texts, both at once, always the same, nothing at all: a PSI is a finite number of at least 0."""
    watch = FeatureWatch()
    for i in range(60):
        found = watch.take((part + i // 20) % 6, list(blocks[i % len(blocks)]))
        assert found is None or (math.isfinite(found[0]) and found[0] > found[1] > 0)


def test_a_number_that_becomes_text_is_drift_and_no_failure() -> None:
    """A feature may change its kind when an author's code does something it never did before."""
    watch, rng = FeatureWatch(), random.Random(1)
    for _ in range(40):
        watch.take(0, [rng.random() for _ in range(64)])
    found = [watch.take(0, ["text"] * 64) for _ in range(4)]
    assert any(found)


def busy(n: int, shift_at: int) -> list[Parcel | Delivered]:
    """Parcels whose distance changes, in order of availability."""
    from datetime import timedelta

    rng = random.Random(5)
    found: list[tuple[float, Parcel | Delivered]] = []
    for i in range(n):
        minute = i / 3
        at = START + timedelta(minutes=minute)
        km = rng.uniform(1, 50) + (60 if i >= shift_at else 0)
        found.append((minute, Parcel(occurred_at=at, parcel_id=f"p{i}", depot=f"d{i % 6}", distance=km)))
        known = at + timedelta(minutes=30)
        late = km / 5 + rng.gauss(0, 2)
        found.append((minute + 30, Delivered(known_at=known, parcel_id=f"p{i}", depot=f"d{i % 6}", minutes_late=late)))
    return [fact for _, fact in sorted(found, key=lambda it: it[0])]


SHIFTED = busy(22_000, 20_000)


def test_alarms_are_facts_of_the_history() -> None:
    """They are written with the batch that raised them, counted, in the scorecard, and in the rehearsal's report."""
    report = rehearse(parcels, SHIFTED)
    (alarm,) = report.alarms
    assert 20_000 < alarm.event <= 22_000
    assert report.counters[f"alarms_{alarm.what}"] == 1
    assert msgspec.json.decode(msgspec.json.encode(report.alarms), type=list[Alarm]) == report.alarms
    assert all(it.state_id.startswith("parcels.0.1.") for it in report.alarms)


def test_an_alarm_is_part_of_the_chain() -> None:
    """Two histories that differ in an alarm alone have different chains."""
    chains = []
    for lost in (False, True):
        shard = Shard(parcels)
        shard.epoch = 1
        shard.learner.drift = Drift([]) if lost else Always()  # type: ignore[assignment]
        facts = [it for it in SHIFTED[:40] if isinstance(it, Parcel)]
        records = [msgspec.json.encode(it) for it in facts]
        from millrace.domain.log import Record

        where = TopicPartition(parcels.topic("events"), 0)
        batch = {where: [shard.intake.read(Record(where.topic, 0, i, 0, None, it)) for i, it in enumerate(records)]}
        step = shard.take(batch)
        alarms = [it for it in step.outputs if it.topic == parcels.topic("alarms")]
        assert len(alarms) == (0 if lost else len(facts) // SAMPLE_EVERY)
        chains.append(step.entry.chain)
    assert chains[0] != chains[1]


class Always(Drift):
    """Tells of drift at every look."""

    def __init__(self) -> None:
        super().__init__([])

    def saw(self, *_: object) -> Found | None:
        """Tell of drift."""
        return Found("feature", "km", "psi", 1.0, 0.3, {})


class Met(NamedTuple):
    time: int
    fact: Parcel | Delivered


def test_what_is_watched_is_restored_as_it_was() -> None:
    """From a checkpoint in the reference, in the calibration or after it: the same alarms, the same state."""
    facts = [Met(micros(it.occurred_at if isinstance(it, Parcel) else it.known_at), it) for it in SHIFTED]
    whole = Learner(parcels)
    all_told = [it for it in whole.meet(facts) if type(it).__name__ == "Alarmed"]
    learner, found, start = Learner(parcels), [], 0
    for cut in (5_000, 24_000, 40_500, len(facts)):
        found += [it.found for it in learner.meet(facts[start:cut]) if type(it).__name__ == "Alarmed"]  # type: ignore[union-attr]
        learner, start = restore(parcels, checkpoint_parts(learner)), cut
    assert found == [it.found for it in all_told] != []  # type: ignore[union-attr]
    assert digest(learner.dump()) == digest(whole.dump())
    assert [it.found for it in learner.alarms] == found


def test_another_champion_is_no_drift() -> None:
    """A promotion changes the predictions that are served, at once and on purpose."""
    drift = Drift(["a"])
    rng = random.Random(1)
    found = []
    for i in range(4_000):
        champion = "a" if i < 3_000 else "b"
        found.append(drift.saw({"x": rng.random()}, champion, {"a": rng.random(), "b": 5 + rng.random()}, 0))
    assert not any(found)
    assert digest(pickle.loads(pickle.dumps(drift.dump()))) == digest(drift.dump())

"""Live views as a fold: what counts where, what replaces what, and how much is kept."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.feed.outcomes import Outcomes
from apps.feed.standing import Bounds, Standing
from millrace.domain.log import Record
from millrace.domain.records import Prediction, Score, Scorecard
from millrace.domain.tasks import Classification, Clustering
from millrace.domain.usecase import AnyUseCase
from millrace.domain.views import Views
from millrace.usecases import find, names
from tests.trainer.world import Delivered, parcels

START = datetime(2013, 5, 1, 6, tzinfo=UTC)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
BOUNDS = Bounds(minutes=60, hours=48, segments=200, segments_shown=10, remembered=1_000, newest=20)


def predicted(
    event_id: str, value: float | None, *, minute: float = 0, key: str = "a", offset: int = 0, **more: Any
) -> Record:
    it = Prediction(
        event_id=event_id,
        key=key,
        occurred_at=START + timedelta(minutes=minute),
        state_id="parcels.0.1.1",
        champion="linear",
        value=value,
        by_candidate={},
    )
    use_case: AnyUseCase = more.get("use_case", parcels)
    return Record(use_case.topic("predictions"), 0, offset, 1_000 * offset, None, msgspec.json.encode(it))


def delivered(event_id: str, late: float | None, offset: int = 0) -> Record:
    it = Delivered(known_at=START + timedelta(hours=1), parcel_id=event_id, minutes_late=late)
    return Record(parcels.topic("labels"), 0, offset, 0, None, msgspec.json.encode(it))


def carded(minute: int, mae: float, offset: int) -> Record:
    score = Score(role="champion", labels=1, overall={"mae": 9.0}, recent={"mae": mae})
    as_of = (START + timedelta(minutes=minute)).isoformat()
    it = Scorecard(state_id="s", as_of=as_of, events=1, labels=1, metric="mae", scores={"linear": score})
    return Record(parcels.topic("scorecards"), 0, offset, 0, None, msgspec.json.encode(it))


def views(records: Iterable[Record], **bounds: int) -> Views:
    standing = Standing(parcels, Bounds(**{**_as_dict(BOUNDS), **bounds}))
    for record in records:
        standing.take(record)
    return standing.shown(NOW)


def _as_dict(bounds: Bounds) -> dict[str, int]:
    return {name: getattr(bounds, name) for name in Bounds.__slots__}


def test_an_answer_counts_in_the_window_its_event_occurred_in() -> None:
    """Windows are of the stream's time: whenever and however fast it is read, they come out the same."""
    shown = views(predicted(f"e{n}", float(n), minute=n * 30, offset=n) for n in range(4))
    assert [(it.start, it.all.answers, it.all.mean) for it in shown.hours] == [
        (START + timedelta(hours=1), 2, 2.5),
        (START, 2, 0.5),
    ]
    assert len(shown.minutes) == 4
    assert shown.stream_time == START + timedelta(minutes=90)


def test_a_truth_counts_where_its_answer_did() -> None:
    """Late or early, the truth says how wrong the answer was in the window of its event."""
    shown = views(
        [predicted("e", 3.0), delivered("e", 5.0), delivered("early", 1.0, 1), predicted("early", 2.0, offset=1)]
    )
    cell = shown.hours[0].all
    assert (cell.truths, cell.truth_mean, cell.error) == (2, 3.0, 1.5)
    assert [(it.event_id, it.truth) for it in shown.answers] == [("early", 1.0), ("e", 5.0)]
    assert [(it.event_id, it.value) for it in shown.truths] == [("early", 2.0), ("e", 3.0)]


def test_a_second_truth_of_one_event_changes_nothing() -> None:
    """A label that is sent twice is one."""
    shown = views([predicted("e", 3.0), delivered("e", 5.0), delivered("e", 9.0, 1)])
    assert (shown.hours[0].all.truths, shown.hours[0].all.truth_mean) == (1, 5.0)


def test_of_one_event_the_last_answer_counts() -> None:
    """An aborted answer that is visible on the embedded log is taken back, with its truth."""
    first, second = predicted("e", 3.0), predicted("e", 7.0, minute=70, offset=1)
    shown = views([first, delivered("e", 5.0), second])
    assert [(it.all.answers, it.all.truths, it.all.mean, it.all.error) for it in shown.hours] == [
        (1, 1, 7.0, 2.0),
        (0, 0, None, None),
    ]


def test_a_record_that_comes_again_counts_once() -> None:
    """Reading may begin again before where it was."""
    records = [predicted(f"e{n}", 1.0, offset=n) for n in range(5)]
    assert views([*records, *records[2:]]).hours[0].all.answers == 5


def test_windows_are_bounded_and_what_is_older_is_passed_over() -> None:
    """The newest stay; an event of a window that is gone brings none back."""
    shown = views([predicted(f"e{n}", 1.0, minute=n, offset=n) for n in range(10)], minutes=3)
    assert [it.start.minute for it in shown.minutes] == [9, 8, 7]
    again = views([predicted("new", 1.0, minute=9), predicted("old", 1.0, offset=1)], minutes=1)
    assert [(it.start.minute, it.all.answers) for it in again.minutes] == [(9, 1)]


def test_segments_beyond_the_limit_are_counted_together() -> None:
    """However many entities there are: all of them together are always all answers."""
    many = [predicted(f"e{n}", 1.0, key=f"k{n % 30}", offset=n) for n in range(300)]
    window = views(many, segments=20, segments_shown=5).hours[0]
    assert len(window.segments) == 5
    assert window.others is not None
    assert sum(it.answers for it in window.segments.values()) + window.others.answers == window.all.answers == 300
    assert (window.others.mean, window.others.positive, window.others.truths) == (1.0, None, 0)


def test_the_segments_shown_are_those_with_most_answers() -> None:
    """A view of many entities shows the busiest."""
    many = [
        predicted(f"{key}{n}", 1.0, key=key, offset=o)
        for o, (key, n) in enumerate((k, n) for k in "abc" for n in range(ord(k) - 90))
    ]
    assert list(views(many, segments_shown=2).hours[0].segments) == ["c", "b"]


def test_a_window_has_the_scores_of_its_last_scorecard() -> None:
    """How those who compete stood, hour by hour."""
    shown = views([carded(10, 1.0, 0), carded(50, 2.0, 1), carded(70, 3.0, 2)])
    assert [it.scores for it in shown.hours] == [{"linear": 3.0}, {"linear": 2.0}]
    assert shown.metric == "mae"


def test_memory_is_bounded() -> None:
    """Answers and truths that wait for one another are forgotten, oldest first."""
    standing = Standing(parcels, Bounds(**{**_as_dict(BOUNDS), "remembered": 50}))
    for n in range(1_000):
        standing.take(predicted(f"e{n}", 1.0, minute=n, offset=n))
        standing.take(delivered(f"x{n}", 1.0, n))
    assert len(standing._answers) == len(standing._truths) == 50
    assert len(standing._minutes._windows) == 60


def test_what_does_not_read_is_passed_over() -> None:
    """What such a record was is for the trainer to say."""
    standing = Standing(parcels, BOUNDS)
    for offset, value in enumerate((None, b"", b"{", b"[1]", b"\xff", b'{"parcel_id": 3}')):
        for topic in standing.topics:
            standing.take(Record(topic, 0, offset, 0, None, value))
    assert standing.shown(NOW).hours == []


@given(seed=st.integers(0, 2**32))
def test_the_order_of_partitions_changes_no_count(seed: int) -> None:
    """Rebuilt with its topics read in any order, a view has the counts it had before."""
    rng = random.Random(seed)
    answers = [predicted(f"e{n % 25}", float(n), minute=n * 7, key=f"k{n % 4}", offset=n) for n in range(40)]
    truths = [delivered(f"e{n}", float(n), n) for n in range(30)]
    queues, mixed = [answers[::-1], truths[::-1]], []
    while any(queues):
        queue = rng.choice([it for it in queues if it])
        mixed.append(queue.pop())
    one, other = (views(each, minutes=5, hours=3) for each in ([*answers, *truths], mixed))
    assert one == other


@pytest.mark.parametrize("name", names())
def test_every_use_case_has_views(name: str) -> None:
    """What a cell shows follows from what is asked for: a share that is acted on, groups, or a mean."""
    use_case = find(name)
    standing = Standing(use_case, BOUNDS)
    standing.take(predicted("e", 1.0, use_case=use_case))
    cell = standing.shown(NOW).hours[0].all
    match use_case.task:
        case Classification():
            assert (cell.positive, cell.mean, cell.groups) == (1.0, 1.0, {})
        case Clustering():
            assert (cell.positive, cell.mean, cell.groups) == (None, None, {"1": 1})
        case _:
            assert (cell.positive, cell.mean, cell.groups) == (None, 1.0, {})


def test_the_error_of_a_probability_is_its_brier_score() -> None:
    """The mean square of what it missed the truth by."""
    classes = [find(name) for name in names() if isinstance(find(name).task, Classification)]
    assert [Outcomes(it).of(0.8, 1.0).error for it in classes] == [pytest.approx(0.04)] * len(classes)
    assert classes

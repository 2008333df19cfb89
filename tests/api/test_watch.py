"""What is shown of the log: newest predictions with their truth, scorecards over all of history."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from apps.api.board import Board
from millrace.domain.log import Record
from millrace.domain.records import Alarm, Prediction, Score, Scorecard
from tests.api.world import START, Api, Delivered, World, parcel_delay


async def until(read: Callable[[], Any], wanted: Callable[[Any], bool], seconds: float = 10.0) -> Any:
    """Read until it is as wanted."""
    async with asyncio.timeout(seconds):
        while not wanted(found := await read()):
            await asyncio.sleep(0.02)
    return found


async def shown(api: Api, wanted: Callable[[list[dict[str, Any]]], bool], **params: Any) -> list[dict[str, Any]]:
    """Return the predictions that are shown, once they are as wanted."""

    async def read() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await api.get("/predictions", **params))["predictions"]
        return found

    found: list[dict[str, Any]] = await until(read, wanted)
    return found


async def test_predictions_come_newest_first_with_their_truth() -> None:
    """Each prediction is shown with when it was made and, once its label is known, the truth."""
    world = World()
    async with world.api() as api:
        assert (await api.get("/predictions"))["predictions"] == []
        await world.learn(20)
        found = await shown(api, lambda it: len(it) == 20 and all("truth" in one for one in it))
        assert len(await shown(api, bool, limit=3)) == 3
    assert [it["made_at"] for it in found] == sorted((it["made_at"] for it in found), reverse=True)
    assert {it["event_id"] for it in found} == {f"p{i}" for i in range(20)}


async def test_a_replica_that_starts_late_shows_what_was_published_before() -> None:
    """A new replica reads the newest of what is there, no more than it keeps."""
    world = World()
    await world.learn(40)
    async with world.api(predictions_kept=5) as api:
        found = await shown(api, bool, limit=1000)
    assert 5 <= len(found) <= 10
    assert "p39" in {it["event_id"] for it in found}


async def test_a_log_restarted_as_another_is_read_on() -> None:
    """The log is lost and comes back empty as another cluster: what was shown stays, what is new is added."""
    world = World()
    await world.learn(3)
    async with world.api() as api:
        await shown(api, lambda it: len(it) == 3)
        world.cluster.restart()
        world.create_topics()
        world.shard.positions.clear()
        await world.learn(2)
        found = await shown(api, lambda it: len(it) == 5)
    assert found[0]["event_id"] in {"p3", "p4"}


def record(kind: str, value: object, *, at: int = 0, partition: int = 0) -> Record:
    """Return a record as read."""
    return Record(parcel_delay.topic(kind), partition, 0, at, None, msgspec.json.encode(value))


def prediction(event_id: str, value: float) -> Prediction:
    """Return a prediction."""
    return Prediction(
        event_id=event_id,
        key="depot",
        occurred_at="2026-03-01T00:00:00Z",
        state_id="parcel-delay.0.1.1",
        champion="linear",
        value=value,
        by_candidate={"linear": value},
    )


def scorecard(number: int) -> Scorecard:
    """Return a scorecard."""
    score = Score(role="champion", labels=number, overall={"mae": 1.0}, recent={"mae": 1.0})
    state_id = f"parcel-delay.0.1.{number}"
    return Scorecard(state_id=state_id, as_of="", events=number, labels=number, metric="mae", scores={"linear": score})


def board(**limits: int) -> Board:
    """Return an empty board."""
    return Board(parcel_delay, **{"predictions": 10, "scorecards": 16, "labels": 10, "alarms": 10, **limits})


def test_of_one_event_the_last_prediction_is_shown() -> None:
    """An aborted transaction stays visible on the embedded log: the last prediction of an event is the one."""
    it = board()
    for value in (1.0, 2.0):
        it.take(record("predictions", prediction("a", value)))
    assert [each.value for each in it.predictions(10)] == [2.0]


def test_a_label_may_be_read_before_its_prediction() -> None:
    """Labels and predictions are read from different partitions: either may come first."""
    it = board()
    it.take(record("labels", Delivered(known_at=START, parcel_id="a", minutes_late=4.0)))
    it.take(record("predictions", prediction("a", 1.0)))
    assert it.predictions(1)[0].truth == 4.0


def test_memory_is_bounded() -> None:
    """No stream, however long, fills the memory of a replica."""
    it = board()
    for n in range(1000):
        it.take(record("predictions", prediction(str(n), 1.0), at=n, partition=n % 2))
        it.take(record("labels", Delivered(known_at=START, parcel_id=str(n), minutes_late=4.0)))
        it.take(record("scorecards", scorecard(n)))
    assert len(it.predictions(1000)) == 20
    assert [each.event_id for each in it.predictions(3)] == ["999", "998", "997"]
    assert len(it._truths._by_event) == 10
    assert len(it.scorecards(1000)) <= 17


def test_scorecards_are_thinned_evenly_and_the_newest_is_there() -> None:
    """However long the history and however few are asked for: from the first to the newest, evenly apart."""
    it = board()
    for n in range(1000):
        it.take(record("scorecards", scorecard(n)))
    for limit in (2, 5, 100):
        labels = [card.labels for card in it.scorecards(limit)]
        assert len(labels) <= limit
        assert labels == sorted(labels)
        assert (labels[0], labels[-1]) == (0, 999)
    assert [card.labels for card in it.scorecards(1)] == [999]


def test_a_scorecard_sent_twice_is_shown_once() -> None:
    """A transaction may be sent twice."""
    it = board()
    for n in (1, 2, 2, 3, 3):
        it.take(record("scorecards", scorecard(n)))
    assert [card.labels for card in it.scorecards(10)] == [1, 2, 3]


def test_what_does_not_read_is_passed_over() -> None:
    """A record that is no prediction, label or scorecard stops nothing."""
    it = board()
    for kind in ("predictions", "scorecards", "labels"):
        for value in (b"", b"{", b"[1]", b"\xff", b'{"parcel_id": 3}'):
            it.take(Record(parcel_delay.topic(kind), 0, 0, 0, None, value))
    assert it.predictions(10) == it.scorecards(10) == []


def alarm(event: int, name: str = "km", epoch: int = 1, offset: int = 9) -> Record:
    it = Alarm(
        state_id=f"parcel-delay.0.{epoch}.{offset}~3",
        at="2026-03-01T00:00:00Z",
        event=event,
        what="feature",
        name=name,
        detector="psi",
        value=0.5,
        threshold=0.3,
    )
    return Record(parcel_delay.topic("alarms"), 0, event, 0, None, msgspec.json.encode(it))


def test_alarms_are_kept_newest_first_and_once() -> None:
    """An aborted batch's alarm that is visible is the same as the one that was committed after it."""
    it = board(alarms=3)
    for record in (alarm(512), alarm(1024), alarm(1024, offset=11), alarm(1024, "usual"), alarm(1024, epoch=2)):
        it.take(record)
    it.take(Record(parcel_delay.topic("alarms"), 0, 9, 0, None, b"no alarm"))
    assert [(one.event, one.name, one.state_id) for one in it.alarms(10)] == [
        (1024, "km", "parcel-delay.0.2.9~3"),
        (1024, "usual", "parcel-delay.0.1.9~3"),
        (1024, "km", "parcel-delay.0.1.11~3"),
    ]
    assert len(it.alarms(2)) == 2


async def test_alarms_are_shown() -> None:
    """What the trainer wrote to the topic of alarms is answered, newest first."""
    world = World()
    await world.learn(5)
    async with world.api() as api:
        assert (await api.get("/alarms"))["alarms"] == []
        for event in (8, 16):
            await world.send("alarms", alarm(event).value or b"")

        async def read() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = (await api.get("/alarms"))["alarms"]
            return found

        found = await until(read, lambda its: len(its) == 2)
        assert [it["event"] for it in found] == [16, 8]
        assert found[0]["name"] == "km"

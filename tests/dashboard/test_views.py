"""What pages say about scores, states, predictions and versions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from apps.dashboard import alarms, cards, groups, standing, tables
from apps.dashboard.replies import Answered, Clusters, Detail, Published, Version
from millrace.domain.records import Alarm, Score, Scorecard
from tests.dashboard.fake_api import FakeApi


def scorecard(metric: str = "mae", **recent: float) -> Scorecard:
    roles: dict[str, Any] = {"a": "champion", "b": "challenger", "usual": "baseline", "naive": "baseline"}
    scores = {
        name: Score(role=roles[name], labels=9, overall={metric: value}, recent={metric: value})
        for name, value in recent.items()
    }
    return Scorecard(
        state_id="x.0.1.7", as_of="2024-01-01T00:00:00Z", events=10, labels=9, metric=metric, scores=scores
    )


def detail(**more: Any) -> Detail:
    return Detail(name="x", question="?", unit="min", champion="a", ready=True, state_id="x.0.1.7", **more)


def test_the_champion_is_compared_with_the_best_baseline() -> None:
    """A card names the best baseline and says by how much the champion is better or worse."""
    card = cards.card(detail(), [scorecard(a=8.0, usual=10.0, naive=16.0)])
    assert (card.rival, card.verdict, card.tone) == ("usual", "20.0% better than the best baseline", "good")
    assert cards.card(detail(), [scorecard(a=11.0, usual=10.0)]).tone == "bad"


def test_for_some_metrics_more_is_better() -> None:
    """Accuracy is better when higher: in the comparison and in the ranking."""
    card = scorecard("accuracy", a=0.9, usual=0.8, naive=0.5)
    assert cards.card(detail(), [card]).tone == "good"
    assert [it.name for it in standing.rows(card, {})] == ["a", "usual", "naive"]


@pytest.mark.parametrize(
    ("more", "status", "reason"),
    [({}, "ready", ""), ({"degraded": "no store"}, "degraded", "no store")],
)
def test_a_degraded_use_case_says_why(more: dict[str, Any], status: str, reason: str) -> None:
    """Degraded never goes without its reason."""
    card = cards.card(detail(**more), [])
    assert (card.status, card.reason) == (status, reason)


def test_a_use_case_without_anything_published_is_shown_as_waiting() -> None:
    """Before the first state a card has no numbers, and says what is missing."""
    card = cards.card(Detail(name="x", question="?"), [], reason="no snapshot yet")
    assert (card.status, card.reason, card.score, card.spark) == ("waiting", "no snapshot yet", "", "")


def test_rows_rank_by_role_and_then_by_score() -> None:
    """Champion, challengers, baselines; the better first."""
    rows = standing.rows(scorecard(usual=10.0, naive=9.0, b=7.0, a=8.0), {"b": "a tree"})
    assert [it.name for it in rows] == ["a", "b", "naive", "usual"]
    assert rows[1].about == "a tree"


def test_chart_and_tables_agree_on_colours() -> None:
    """One who competes has one colour everywhere."""
    card = scorecard(a=8.0, b=7.0, usual=10.0, naive=9.0)
    assert (
        standing.history([card])["keys"] == standing.keys(card) == {it.name: it.key for it in standing.rows(card, {})}
    )


def test_one_who_came_later_has_no_past() -> None:
    """Lines keep step with time: where somebody was not there yet, there is nothing."""
    lines = standing.history([scorecard(a=8.0), scorecard(a=7.0, b=9.0)])
    assert lines["recent"] == {"a": [8.0, 7.0], "b": [None, 9.0]}


def test_predictions_show_their_error_once_the_truth_is_known() -> None:
    """The error is predicted minus true; without truth there is a dash."""
    one = Published(
        event_id="e",
        key="k",
        occurred_at=datetime(2024, 1, 1, tzinfo=UTC),
        state_id="x.0.1.7~2",
        champion="a",
        value=12.0,
        by_candidate={},
    )
    two = msgspec.structs.replace(one, event_id="f", truth=10.0)
    rows = tables.foreseen([one, two], "x", "min", settled=False, most=9)
    assert [(it.truth, it.error, it.state) for it in rows] == [("–", "–", "0.1.7~2"), ("10.00", "+2.00", "0.1.7~2")]
    assert [it.event_id for it in tables.foreseen([one, two], "x", "min", settled=True, most=9)] == ["f"]


def test_versions_come_newest_first() -> None:
    """Version 10 is newer than version 9."""
    metrics = {"mae": 9.0, "recent_mae": 8.0, "versus_champion": 0.0}
    rows = tables.registered([Version(version=9, metrics=metrics), Version(version="10", aliases=["champion"])], "x")
    assert rows[1].metrics.replace("\N{NO-BREAK SPACE}", " ") == "MAE 9.00 · MAE recent 8.00"
    assert [(it.version, it.aliases) for it in rows] == [("10", ["champion"]), ("9", [])]


def test_an_answer_names_its_state_and_ranks_who_gave_it() -> None:
    """The champion's value comes first, baselines last; a probability reads as per cent."""
    fake = FakeApi()
    reply = tables.reply(
        msgspec.convert(fake.answer(fake.example()), Answered), "parcel-delay", {"tree": "challenger-1"}
    )
    assert reply.state_id == fake.stream.state_id
    assert [it.role for it in reply.estimates] == ["champion", "challenger", "challenger", "baseline", "baseline"]
    assert tables.reply(Answered(value=0.25, unit="probability"), "x", {}).value == "25.0"


def test_a_cluster_keeps_its_colour_whatever_becomes_of_the_others() -> None:
    """The colour goes with the id, in cards and in the chart alike; those in no cluster have their own."""
    found = msgspec.convert(FakeApi(groups=True).clusters(), Clusters)
    cards_ = {it.id: it.key for it in groups.groups(found)}
    lines = groups.history(found.history)["keys"]
    assert cards_ == {"1": "cluster-1", "4": "cluster-4"}
    assert lines == {"Cluster 1": "cluster-1", "Cluster 4": "cluster-4", "In no cluster": "baseline-2"}
    alone = groups.history(groups.only(found, [4]).history)["keys"]
    assert alone == {"Cluster 4": "cluster-4", "In no cluster": "baseline-2"}


def test_the_true_group_of_an_event_is_shown_by_its_name() -> None:
    """Where events are grouped there is no error to tell: the cluster stands beside the truth's name."""
    made = Published(
        event_id="a", key="k", occurred_at=datetime(2024, 1, 1, tzinfo=UTC), state_id="x.0.1.7", champion="a", value=3.0,
        by_candidate={}, truth="bot",
    )  # fmt: skip
    (row,) = tables.foreseen([made], "x", "cluster", settled=True, most=5)
    assert (row.predicted, row.truth, row.error) == ("Cluster 3", "bot", "–")


def test_an_alarm_says_what_drifted_by_how_much_and_what_with_it() -> None:
    """A feature, the champion's predictions, a candidate's error: each in words, with the state that raised it."""
    known: Any = {"state_id": "x.0.1.7~3", "at": "2024-01-02T03:04:00Z", "event": 4_096, "value": 0.4, "threshold": 0.2}
    feature = Alarm(what="feature", name="queue_length", detector="psi", also={"rain": 0.3}, **known)
    prediction = Alarm(what="prediction", name="prediction", detector="psi", **known)
    error = Alarm(what="error", name="linear", detector="page-hinkley", **known)
    one, two, three = alarms.raised([feature, prediction, error], "x")
    assert (one.told, one.also, one.state) == ("Queue length is not what it was", "Rain", "0.1.7~3")
    assert one.found == "PSI 0.4, alarm above 0.2"
    assert two.told == "What the champion predicts is not what it was"
    assert three.told == "linear errs more than it did"

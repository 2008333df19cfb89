"""Kinds of visit: as good as a batch allows, under ids that last, told in words."""

from __future__ import annotations

import subprocess
import sys
from functools import cache

import msgspec
import pytest

from millrace.domain.errors import UseCaseError
from millrace.domain.facts import Event
from millrace.domain.simulation import Drift
from millrace.learning.learner import Learner
from millrace.rehearsal.grouping import GroupingReport, batch_k_means, bench_grouping
from millrace.rehearsal.simulated import simulate
from millrace.usecases import find
from millrace.usecases.shop_segments import shop_segments
from tests.usecases.test_every_use_case import Met

EVENTS = 25_000


MEASURE = f"""
import sys
from millrace.runtime.determinism import fix_hash_seed as f; f()
import msgspec
from millrace.rehearsal.grouping import bench_grouping
from millrace.rehearsal.simulated import simulate
from millrace.usecases.shop_segments import shop_segments
found = bench_grouping(shop_segments, simulate(shop_segments, {EVENTS}, 7).facts)
sys.stdout.buffer.write(msgspec.json.encode(found))
"""


@cache
def found() -> GroupingReport:
    """Measure under the hash seed that all our processes have: stream k-means draws its first centres in a set's order."""
    done = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, check=True)
    return msgspec.json.decode(done.stdout, type=GroupingReport)


def test_groups_are_nearly_as_good_as_a_batch_allows() -> None:
    """V-measure: at least 0.6 of batch k-means on the very events, of every candidate; above every baseline."""
    measured = found()
    assert measured.window == 5_000
    assert measured.groups == 5
    for name, it in measured.candidates.items():
        assert it.of_ceiling >= 0.6, name
        assert it.v_measure > 2 * max(score["v_measure"] for score in measured.baselines.values()), name


def test_ids_last() -> None:
    """The champion's clusters are mostly of the same kind in every part of the stream; hardly an event changes its id."""
    champion = found().candidates["denstream"]
    assert champion.stability is not None
    assert champion.stability > 0.98
    assert champion.same == 1.0
    assert champion.ids <= 6


def test_the_words_fit_the_kinds() -> None:
    """Who knows the kinds finds them in the words; no two large clusters have the same."""
    told = [it for it in found().candidates["denstream"].told if it.share > 0.05]
    words = {it.mostly[-1]: it.words for it in told}
    assert "long dwell" in words["researcher"]
    assert "many searches" in words["researcher"]
    assert "much on sale" in words["bargain hunter"]
    assert "many pages seen" in words["bot"]
    assert len({it.words for it in told}) == len(told)


def test_a_wave_of_automata_is_seen_in_the_sizes() -> None:
    """The cluster of many pages grows, by its own share and by the trend that is told."""
    learner = Learner(shop_segments)
    facts = simulate(shop_segments, 30_000, 7, (Drift("bot-wave", 20_000),)).facts
    list(learner.meet(Met(fact) for fact in facts))
    clusters = learner.contest.clusters()["denstream"].clusters
    bots = next(it for it in clusters if "many pages seen" in it.words)
    assert bots.before is not None
    assert bots.share > 1.5 * bots.before
    assert bots.trend == "growing"


def test_who_visits_is_no_feature() -> None:
    """The same clicks of another customer, in another visit, from elsewhere, have the same features."""
    clicks = [it for it in simulate(shop_segments, 300, 7).facts if isinstance(it, Event)]
    names = {it: f"somebody-{n}" for n, it in enumerate({each.session_id for each in clicks})}  # type: ignore[attr-defined]
    fields = clicks[0].__struct_fields__
    seen = []
    for change in (False, True):
        learner = Learner(shop_segments)
        told = [
            type(it)(
                **{
                    **{name: getattr(it, name) for name in fields},
                    **({"session_id": names[it.session_id], "customer_id": "x"} if change else {}),  # type: ignore[attr-defined]
                }
            )
            for it in clicks
        ]
        outcomes = learner.meet(Met(it) for it in told)
        seen.append([it.features for it in outcomes if hasattr(it, "features")])
    assert seen[0] == seen[1] != []


def test_what_does_not_group_is_not_measured() -> None:
    """A regression is refused, by name."""
    with pytest.raises(UseCaseError, match="does not group"):
        bench_grouping(find("trip-eta"), [])


def test_the_ceiling_finds_what_lies_apart() -> None:
    """Batch k-means on two heaps is never wrong, and the same each time."""
    points = [[x + 0.01 * n] for x in (0.0, 9.0) for n in range(50)]
    one, other = batch_k_means(points, 2, 7), batch_k_means(points, 2, 7)
    assert one == other
    assert len(set(one[:50])) == len(set(one[50:])) == 1
    assert one[0] != one[-1]

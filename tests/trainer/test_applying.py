"""A plan that is applied begins an epoch with what is kept: nothing is learnt twice, nothing is lost, and it can be rebuilt."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from millrace.adapters.bus.port import Message
from millrace.domain.errors import HistoryLost, IncompatibleState
from millrace.domain.records import Genesis
from millrace.learning.digest import digest
from millrace.learning.grafting import Kept, graft
from millrace.learning.learner import Learner
from millrace.learning.states import checkpoint_parts, digest_of, restore
from millrace.usecases import find
from tests.trainer.world import World, learn_all
from tests.usecases.test_from_a_file import CASE
from trainer.journal import Journal
from trainer.planning import Applied, Plans, newest_header
from trainer.rebuild import Rebuilding
from trainer.training import Training

MEAN = """
def mean() -> Model:
    from river import dummy, stats

    return dummy.StatisticRegressor(stats.Mean())

"""
TWO = CASE.replace(
    'candidates={"linear": Candidate(linear)}', 'candidates={"mean": Candidate(mean), "linear": Candidate(linear)}'
).replace(
    "\ndef linear() -> Model:",
    MEAN + "\ndef linear() -> Model:",
)
START = datetime(2026, 3, 1, tzinfo=UTC)
EVERYTHING = Kept(frozenset({"linear", "mean", "a tenth"}), frozenset({"waiter"}), features=True)


def messages(first: int, end: int) -> list[Message]:
    """Return bills, one a minute, each with its tip an hour later where that falls between the first and the last."""
    chance, found = random.Random(1), list[Message]()
    totals = [chance.uniform(5, 90) for _ in range(end)]
    for n in range(first, end):
        at, key = START + timedelta(minutes=n), f"w{n % 3}".encode()
        bill = {"occurred_at": at, "bill": str(n), "waiter": f"w{n % 3}", "total": totals[n]}
        found.append(Message("tips.events", msgspec.json.encode(bill), key))
        if n >= 60:
            tip = {"known_at": at, "bill": str(n - 60), "tip": totals[n - 60] / 8}
            found.append(Message("tips.labels", msgspec.json.encode(tip), f"w{(n - 60) % 3}".encode()))
    return found


class Restaurant:
    """One log and its stores, on which texts of one file learn one after the other."""

    def __init__(self, tmp: Path) -> None:
        self.tmp, self.world, self.met = tmp, World(tmp), 0

    def under(self, text: str) -> World:
        """Return the world as a use case with this text sees it."""
        path = self.tmp / "tips.py"
        path.write_text(text)
        self.world.use_case = find(str(path))
        self.world.settings = self.world.settings.model_copy(update={"use_case": "tips"})
        return self.world

    async def learnt(self, text: str, until: int, *, leave: bool = True) -> Training:
        """Learn up to a bill; `leave` a checkpoint at the end, as a trainer does that is stopped in order."""
        world = self.under(text)
        writer = await world.bus().writer()
        training = await world.trainer()
        await writer.send(messages(self.met, until))
        before, self.met = training.shard.learner.counters["events"], until
        carried = before if training.shard.epoch == 1 or before else self.met
        await learn_all(training, until if carried else until - self.met)
        if leave:
            await training._outlets.checkpoints.now(training.shard)
        await training.close()
        return training

    async def apply(self, text: str) -> None:
        """Do what `millrace plan --apply` does."""
        world = self.under(text)
        header = await newest_header(world.checkpoints())
        await Plans(world.store, "tips", 0).apply(Applied.under(world.use_case, header))

    async def geneses(self) -> list[Genesis]:
        entries = await Journal(self.world.bus(), self.world.use_case, 0).read(0)
        return [it.entry for it in entries if isinstance(it.entry, Genesis)]


@pytest.fixture
def place(tmp_path: Path) -> Restaurant:
    return Restaurant(tmp_path)


def model(training: Training, name: str) -> str:
    """Return the digest of what a candidate has learnt; its pipeline names a function of the text it is of."""
    its = training.shard.learner.contest.players[name].model
    return digest(its["LinearRegression"] if name == "linear" else its)


OTHER_LINEAR = TWO.replace("2 * value", "3 * value")


async def test_what_did_not_change_goes_on_and_what_did_begins_anew(place: Restaurant) -> None:
    """The epoch names its parent and why; every bill is answered once; the new history can be rebuilt."""
    before = await place.learnt(TWO, 300)
    with pytest.raises(IncompatibleState, match="millrace plan --apply"):
        await place.under(OTHER_LINEAR).trainer()
    await place.apply(OTHER_LINEAR)
    taken = await place.world.trainer()
    assert (model(taken, "mean"), model(taken, "linear") == model(before, "linear")) == (model(before, "mean"), False)
    assert taken.shard.learner.memory.dump() == before.shard.learner.memory.dump()
    scores = taken.shard.learner.contest.standings()
    assert [scores[it].labels for it in ("mean", "linear", "a tenth")] == [239, 0, 239]
    assert taken.inputs() == before.inputs()
    await taken.prepare()
    await taken.close()
    after = await place.learnt(OTHER_LINEAR, 500)
    assert after.shard.learner.counters["learnt"] == 439
    ids = [it["event_id"] for it in await place.world.predictions()]
    assert len(ids) == len(set(ids)) == 500
    newest = (await place.geneses())[-1]
    assert (newest.epoch, newest.parent) == (2, str(before.shard.state_id))
    assert "candidate linear: warm up" in newest.why
    audit = await Rebuilding(place.world.use_case, 0, place.world.bus(), place.world.checkpoints()).audit()
    assert (audit.matches, audit.from_checkpoint) == (True, f"tips.0.2.{audit.from_checkpoint.rpartition('.')[2]}")


async def test_a_new_challenger_leaves_the_champion_what_it_is(place: Restaurant) -> None:
    """And a champion that begins anew leaves the place to the best of those that go on."""
    before = await place.learnt(CASE, 200)
    with_mean = TWO.replace(
        '"mean": Candidate(mean), "linear": Candidate(linear)', '"linear": Candidate(linear), "mean": Candidate(mean)'
    )
    await place.apply(with_mean)
    joined = await place.world.trainer()
    assert model(joined, "linear") == model(before, "linear")
    assert joined.shard.learner.contest.champion == "linear"
    await joined.prepare()
    await joined._outlets.checkpoints.now(joined.shard)
    await joined.close()
    await place.learnt(with_mean, 300)
    await place.apply(with_mean.replace("2 * value", "3 * value"))
    assert (await place.world.trainer()).shard.learner.contest.champion == "mean"


async def test_other_features_begin_every_candidate_anew_and_keep_the_profiles(place: Restaurant) -> None:
    """What waits for its truth was made by the old features: it teaches the profiles alone."""
    other = TWO.replace('"usual": seen.waiter', '"typical": seen.waiter')
    before = await place.learnt(TWO, 300)
    await place.apply(other)
    taken = await place.world.trainer()
    assert taken.shard.learner.memory.dump() == before.shard.learner.memory.dump()
    await taken.prepare()
    await taken.close()
    after = (await place.learnt(other, 400)).shard.learner
    assert after.counters["learnt_by_profiles_only"] == 61  # the newest label waits for time to pass it
    assert after.contest.standings()["mean"].labels == 39


async def test_another_event_begins_everything_anew_where_the_old_epoch_stopped(place: Restaurant) -> None:
    """Nothing can be kept, no bill is answered twice."""
    other = TWO.replace("total: float", "total: float = 0.0")
    await place.learnt(TWO, 200)
    await place.apply(other)
    taken = await place.world.trainer()
    assert taken.shard.learner.counters == {}
    assert sum(taken.inputs().values()) == 200 + 140


async def test_a_state_that_is_not_the_newest_is_not_begun_from(place: Restaurant) -> None:
    """What came after its checkpoint would be in no model: it is said how to get one."""
    await place.learnt(TWO, 200)
    await place.learnt(TWO, 300, leave=False)
    await place.apply(OTHER_LINEAR)
    with pytest.raises(IncompatibleState, match="journal entries came after it"):
        await place.world.trainer()
    await place.learnt(TWO, 300)
    await place.apply(OTHER_LINEAR)
    assert (await place.world.trainer()).shard.learner.counters["events"] == 300


async def test_killed_before_its_first_checkpoint_the_same_epoch_begins_once_more(place: Restaurant) -> None:
    """From the same state."""
    await place.learnt(TWO, 200)
    await place.apply(OTHER_LINEAR)
    first = await place.world.trainer()
    second = await place.world.trainer()
    assert [it.epoch for it in await place.geneses()] == [1, 2]
    assert second.shard.digest() == first.shard.digest()


async def test_a_plan_is_for_one_change_only(place: Restaurant) -> None:
    """Another text than the one it was made for is refused."""
    await place.learnt(TWO, 100)
    await place.apply(OTHER_LINEAR)
    with pytest.raises(IncompatibleState):
        await place.under(TWO.replace("2 * value", "4 * value")).trainer()


async def test_an_embedded_log_that_is_gone_goes_on_from_the_plan_too(place: Restaurant) -> None:
    """Its checkpoints are not."""
    before = await place.learnt(TWO, 200)
    place.world.cluster.restart()
    with pytest.raises(IncompatibleState):
        await place.under(OTHER_LINEAR).trainer()
    await place.apply(OTHER_LINEAR)
    taken = await place.world.trainer()
    assert (taken.shard.epoch, model(taken, "mean")) == (2, model(before, "mean"))
    assert (await place.under(OTHER_LINEAR.replace("3 * value", "5 * value")).trainer(new_epoch=True)).shard.epoch == 3


async def test_a_plan_is_no_leave_for_another_real_log(place: Restaurant) -> None:
    """Also one that keeps nothing: an empty journal is not that of the state."""
    other = TWO.replace("total: float", "total: float = 0.0")
    await place.learnt(TWO, 100)
    await place.apply(other)
    place.world.cluster.restart()
    with pytest.raises(HistoryLost, match="with an empty journal"):
        await place.world.trainer(embedded_log=False)


async def test_where_everything_is_kept_the_state_is_the_same(place: Restaurant) -> None:
    """Bit for bit; and what only serves waits in the ledger as before."""
    learner = (await place.learnt(TWO, 200)).shard.learner
    parts = checkpoint_parts(learner)
    again = graft(learner.use_case, parts, EVERYTHING)
    assert digest_of(again, {}) == digest_of(restore(learner.use_case, parts), {}) == digest_of(learner, {})


async def test_where_nothing_is_kept_only_time_and_what_waits_are(place: Restaurant) -> None:
    """No score, no model, no profile."""
    learner = (await place.learnt(TWO, 200)).shard.learner
    bare = graft(learner.use_case, checkpoint_parts(learner), Kept(frozenset(), frozenset(), features=False))
    empty = Learner(learner.use_case).dump()
    assert {name for name, its in bare.dump().items() if digest(its) == digest(empty[name])} >= {
        "models",
        "contest",
        "profiles",
    }
    assert (bare.time, len(bare.ledger.waiting)) == (learner.time, len(learner.ledger.waiting))

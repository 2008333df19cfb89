"""What becomes of a state when its use case changes is said part by part, and no change is missed."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import pytest

from millrace.domain.errors import HistoryLost, IncompatibleState
from millrace.learning.sealed import Header
from millrace.learning.shard import Shard
from millrace.runtime.environment import fingerprint
from millrace.usecases import _sources, find, hash_of, parts_of
from tests.trainer.test_opening import learnt
from tests.trainer.world import World, parcels
from tests.usecases.test_from_a_file import CASE
from trainer.planning import Plan, newest_header, plan
from trainer.states import header_of, refuse_difference


def under(text: str, folder: Path, **changes: object) -> tuple[Plan, Header]:
    """Return the plan for a changed text under a state of `CASE`."""
    (folder / "tips.py").write_text(CASE)
    was = find(str(folder / "tips.py"))
    header = msgspec.structs.replace(header_of(Shard(was, 0), "checkpoint"), events=1_000, **changes)
    (folder / "tips.py").write_text(text)
    return plan(find(str(folder / "tips.py")), header), header


def verdicts(found: Plan) -> dict[str, str]:
    return {it.part: it.verdict for it in found.parts if it.verdict != "keep"}


async def test_a_state_of_the_same_file_goes_on(tmp_path: Path) -> None:
    """A checkpoint that a trainer wrote says of which parts it is."""
    world = World(tmp_path)
    await learnt(world, 50)
    header = await newest_header(world.checkpoints())
    assert header.use_case_parts == parts_of(parcels)
    found = plan(parcels, header)
    assert found.goes_on
    assert {it.verdict for it in found.parts} == {"keep"}


async def test_without_a_checkpoint_there_is_nothing_to_plan(tmp_path: Path) -> None:
    """It is said."""
    with pytest.raises(HistoryLost, match="nothing was learnt yet"):
        await newest_header(World(tmp_path).checkpoints())


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("2 * value", "3 * value", {"candidate linear": "warm up"}),
        ("alpha=0.1", "alpha=0.2", {"profile waiter": "warm up", "candidate linear": "warm up"}),
        ('"usual": seen.waiter', '"usual": -seen.waiter', {"features": "warm up", "candidate linear": "warm up"}),
        ("total: float", "total: float = 0.0", {"event": "new epoch"}),
        ("tip: float", "tip: float = 0.0", {"label": "new epoch", "task": "new epoch"}),
        ("b.total / 10", "b.total / 9", {"baseline a tenth": "warm up"}),
        ("    return {name", "    # a comment\n    return {name", {}),
    ],
)
def test_each_change_reaches_just_what_uses_it(old: str, new: str, said: dict[str, str], tmp_path: Path) -> None:
    """What a candidate calls is part of it; a comment is part of nothing. The trainer refuses all of them until it is told."""
    assert old in CASE
    found, header = under(CASE.replace(old, new, 1), tmp_path)
    assert verdicts(found) == said
    assert not found.goes_on
    with pytest.raises(IncompatibleState, match="millrace plan --apply"):
        refuse_difference(find(str(tmp_path / "tips.py")), header)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("river", {"river": "warm up", "candidate linear": "warm up"}),
        ("layout", {"layout": "new epoch"}),
        ("numpy", {}),
        ("millrace", {}),
    ],
)
def test_another_version_reaches_what_it_makes(name: str, said: dict[str, str], tmp_path: Path) -> None:
    """Both versions are named. Models are River's objects; whatever changed, what comes is an epoch of its own."""
    environment = {**fingerprint(), name: "0.1"}
    found, _ = under(CASE, tmp_path, environment=environment)
    its = next(it for it in found.parts if it.part == name)
    assert its.why.startswith("was 0.1, is ")
    assert not found.goes_on
    assert {it.part: it.verdict for it in found.parts if it.verdict != "keep"} == said


def test_a_state_that_does_not_name_its_parts_is_said_to_be_unknown(tmp_path: Path) -> None:
    """Nothing is claimed that nobody can know."""
    found, _ = under(CASE + "\n# changed\n", tmp_path, use_case_parts={})
    assert verdicts(found) == {"use case": "new epoch"}
    assert "unknown: the whole file changed" in found.parts[-1].why


def test_a_warm_up_takes_the_events_that_were_learnt(tmp_path: Path) -> None:
    """Its time is theirs at the speed measured."""
    found, _ = under(CASE.replace("2 * value", "3 * value"), tmp_path)
    linear = next(it for it in found.timed(500.0).parts if it.part == "candidate linear")
    assert (linear.events, linear.seconds) == (1_000, 2.0)


def test_a_module_beside_the_file_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It changes the hash and the parts that use it, also where another module imports it; a library does not."""
    monkeypatch.syspath_prepend(str(tmp_path))
    text = CASE.replace("2 * value", "far_factor.FACTOR * value").replace(
        "\nclass Bill", "\nimport near_factor as far_factor\n\n\nclass Bill", 1
    )
    (tmp_path / "tips.py").write_text(text)
    (tmp_path / "near_factor.py").write_text("from other_factor import FACTOR\n")
    (tmp_path / "other_factor.py").write_text("FACTOR = 2\n")
    case = find(str(tmp_path / "tips.py"))
    before, parts = hash_of.__wrapped__(case), parts_of.__wrapped__(case)
    (tmp_path / "other_factor.py").write_text("FACTOR = 3\n")
    after = parts_of.__wrapped__(case)
    assert hash_of.__wrapped__(case) != before
    assert {name for name in parts if parts[name] != after[name]} == {"candidate linear"}


def test_what_use_cases_that_ship_share_counts() -> None:
    """Two that read the same recording are made of the module that reads it, each name once, always in one order."""
    texts = _sources.texts_of(sys.modules[find("flight-delay").features.__module__])
    assert list(texts) == ["millrace.usecases.flight_delay", "millrace.usecases._new_york_flights"]

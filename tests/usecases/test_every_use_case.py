"""What every use case that ships must pass."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from itertools import islice

import msgspec
import pytest

from millrace.adapters.archive.recorded import load
from millrace.domain.facts import Event, Label, available_at
from millrace.domain.metrics import badness
from millrace.domain.tasks import Classification
from millrace.domain.usecase import AnyUseCase, Fact
from millrace.learning.digest import digest
from millrace.learning.learner import Learner
from millrace.learning.outcomes import Foreseeing
from millrace.learning.states import checkpoint_parts, restore
from millrace.rehearsal import rehearse
from millrace.rehearsal.simulated import simulate
from millrace.usecases import find, names

SOME = 12_000
FEW_ARE_YES = 60_000

CHILD = """
import sys
from millrace.rehearsal import rehearse
from millrace.usecases import find
from tests.usecases.test_every_use_case import stream
print(rehearse(find(sys.argv[1]), stream(sys.argv[1], int(sys.argv[2]))).digest)
"""


@cache
def stream(name: str, most: int = SOME) -> list[Fact]:
    case = find(name)
    if case.source is not None:
        return load(case.source)[:most]
    return simulate(case, most, case.seed).facts[:most]


class Met:
    """A fact in its place."""

    def __init__(self, fact: Fact) -> None:
        self.fact = fact
        self.time = available_at(fact)


@pytest.fixture(params=names())
def case(request: pytest.FixtureRequest) -> AnyUseCase:
    return find(request.param)


def test_each_feature_is_explained(case: AnyUseCase) -> None:
    """Every feature has its words, no words are left over, and none only repeats the name."""
    learner, made = Learner(case), set[str]()
    for outcome in learner.meet([Met(fact) for fact in stream(case.name)[:2_000]]):
        made |= set(outcome.features) if isinstance(outcome, Foreseeing) else set()
    assert set(case.notes) == made
    assert all(len(about) > len(name) + 8 for name, about in case.notes.items())


def test_its_name_is_its_files(case: AnyUseCase) -> None:
    """A use case is found by its name."""
    assert case.name in names()


def test_it_is_the_same_in_every_process(case: AnyUseCase) -> None:
    """Two processes with different hash seeds, made to start as the learner does, end in one state."""
    runs = [
        subprocess.run(
            [
                sys.executable,
                "-c",
                "from millrace.runtime.determinism import fix_hash_seed as f; f()\n" + CHILD,
                case.name,
                "4000",
            ],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1] != ""


def test_it_is_restored_anywhere_and_goes_on_the_same(case: AnyUseCase) -> None:
    """Restored at three points of the stream, the end is byte-equal."""
    facts = [Met(it) for it in stream(case.name)[:6_000]]
    whole = Learner(case)
    for _ in whole.meet(facts):
        pass
    learner = Learner(case)
    for start in range(0, 6_000, 2_000):
        for _ in learner.meet(facts[start : start + 2_000]):
            pass
        learner = restore(case, checkpoint_parts(learner))
    assert digest(learner.dump()) == digest(whole.dump())


def scrambled(fact: Fact) -> Fact:
    """Return a label that says something else."""
    said = {name: getattr(fact, name) for name in fact.__struct_fields__} if isinstance(fact, Label) else {}
    numbers = {name: 1e4 for name, it in said.items() if isinstance(it, float)}
    answers = {name: not it for name, it in said.items() if isinstance(it, bool)}
    return msgspec.structs.replace(fact, **numbers, **answers) if said else fact


def test_it_does_not_peek(case: AnyUseCase) -> None:
    """With all labels scrambled, the features of events before the first label could be known are the same."""
    facts = stream(case.name)
    first = next(it.known_at for it in facts if isinstance(it, Label))
    before = [it for it in facts if not isinstance(it, Event) or it.occurred_at <= first]
    seen = []
    for change in (lambda it: it, scrambled):
        learner = Learner(case)
        seen.append(
            [it.features for it in islice(learner.meet(Met(change(f)) for f in before), 500) if hasattr(it, "features")]
        )
    assert seen[0] == seen[1] != []


def test_what_the_wire_carries_is_what_was_said(case: AnyUseCase) -> None:
    """Events and labels go through JSON unchanged."""
    for fact in stream(case.name)[:200]:
        assert msgspec.json.decode(msgspec.json.encode(fact), type=type(fact)) == fact


def test_it_beats_its_baselines_early(case: AnyUseCase) -> None:
    """After some thousand labels, or some hundred yes, the champion is ahead of every naive rule; nothing was refused."""
    report = rehearse(case, stream(case.name, FEW_ARE_YES if isinstance(case.task, Classification) else SOME))
    champion = report.candidates[report.champion or ""]
    baselines = {name: badness(report.metric, score) for name, score in report.baselines.items()}
    assert report.dead_letters == 0
    assert badness(report.metric, champion.overall) < min(baselines.values())
    assert len(case.candidates) >= 2
    assert case.baselines

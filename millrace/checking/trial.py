"""A trial: some facts are learnt in this process, and again from three points of the stream in a child process.

The child starts under another hash seed of the surroundings, as every learner does, and must give the same predictions,
the same features and the same digest. Run as `python -m millrace.checking.trial FOLDER`, it is that child.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from millrace.domain.facts import Event, available_at
from millrace.domain.usecase import AnyUseCase, Fact, Features
from millrace.learning.digest import digest
from millrace.learning.learner import Learner
from millrace.learning.outcomes import Foreseeing, Outcome, Refusal, Suspended
from millrace.learning.states import checkpoint_parts, restore

POINTS = 3
CHILD_SECONDS = 300.0


class Met(NamedTuple):
    """A fact in its place."""

    time: int
    fact: Fact


class Trial(NamedTuple):
    """What came of the facts: all features made, who was refused or fell, speed, and where the child differed."""

    features: list[Features]
    refused: list[Refusal]
    suspended: list[Suspended]
    events_per_second: float
    counters: dict[str, int]
    differs: list[str]


class Ending(msgspec.Struct, frozen=True):
    """How a run from one point ended: hashes of the features and predictions from there on, and the state's digest."""

    features: str
    predictions: str
    digest: str


def trial(use_case: AnyUseCase, file: Path, facts: Sequence[Fact]) -> Trial:
    """Learn facts whole, and from three checkpoints in a child."""
    learner = Learner(use_case)
    met = [Met(available_at(it), it) for it in facts]
    step = max(len(met) // (POINTS + 1), 1)
    outcomes: list[list[Outcome]] = []
    kept: list[dict[str, bytes]] = []
    began = time.perf_counter()
    for start in range(0, len(met), step):
        outcomes.append(list(learner.meet(met[start : start + step])))
        kept.append(checkpoint_parts(learner))
    seconds = time.perf_counter() - began
    flat = [it for part in outcomes for it in part]
    whole = digest(learner.dump())
    expected = [_ending(outcomes[point:], whole) for point in range(1, POINTS + 1)]
    found = _child(file, facts, step, kept[:POINTS])
    events = sum(isinstance(it, Foreseeing) for it in flat)
    return Trial(
        features=[it.features for it in flat if isinstance(it, Foreseeing)],
        refused=[it for it in flat if isinstance(it, Refusal)],
        suspended=[it for it in flat if isinstance(it, Suspended)],
        events_per_second=events / seconds,
        counters=dict(learner.counters),
        differs=_differences(expected, found),
    )


def _ending(outcomes: Sequence[Sequence[Outcome]], state: str) -> Ending:
    made = [it for part in outcomes for it in part if isinstance(it, Foreseeing)]
    return Ending(
        features=_hash([it.features for it in made]), predictions=_hash([it.foreseen for it in made]), digest=state
    )


def _hash(values: Any) -> str:
    return sha256(msgspec.json.encode(values)).hexdigest()


def _differences(expected: Sequence[Ending], found: Sequence[Ending] | str) -> list[str]:
    if isinstance(found, str):
        return [f"could not be restored: {found}"]
    names = ("features", "predictions", "digest")
    return [
        f"other {name} when restored at {index * 100 // (POINTS + 1)} % of the facts"
        for index, (one, other) in enumerate(zip(expected, found, strict=True), 1)
        for name in names
        if getattr(one, name) != getattr(other, name)
    ]


def _child(file: Path, facts: Sequence[Fact], step: int, kept: list[dict[str, bytes]]) -> list[Ending] | str:
    """Go on from each checkpoint in a child process; return how each ended, or what the child said when it failed."""
    with tempfile.TemporaryDirectory(prefix="millrace-check-") as folder:
        encode = msgspec.json.encode
        lines = [(isinstance(it, Event), encode(it)) for it in facts]
        Path(folder, "trial").write_bytes(pickle.dumps((str(file), step, lines, kept)))
        seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
        run = subprocess.run(  # noqa: S603 - our own module, this very Python
            [sys.executable, "-m", "millrace.checking.trial", folder],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            capture_output=True,
            text=True,
            check=False,
            timeout=CHILD_SECONDS,
        )
    if run.returncode:
        return (run.stderr.strip().splitlines() or [f"it ended with {run.returncode}"])[-1]
    return msgspec.json.decode(run.stdout.splitlines()[-1], type=list[Ending])


def again(folder: Path) -> list[Ending]:
    """Go on from each checkpoint a folder holds, facts read from their form on the wire."""
    from millrace.checking.loading import load_file

    file, step, lines, kept = pickle.loads(Path(folder, "trial").read_bytes())  # noqa: S301 - our parent wrote it
    use_case = load_file(Path(file))
    decode = msgspec.json.decode
    facts: list[Fact] = [decode(it, type=use_case.event if event else use_case.label) for event, it in lines]
    met = [Met(available_at(it), it) for it in facts]
    endings = []
    for point, parts in enumerate(kept, 1):
        learner = restore(use_case, parts)
        outcomes = list(learner.meet(met[point * step :]))
        endings.append(_ending([outcomes], digest(learner.dump())))
    return endings


if __name__ == "__main__":
    from millrace.runtime.determinism import fix_hash_seed

    fix_hash_seed()
    sys.stdout.write(msgspec.json.encode(again(Path(sys.argv[1]))).decode() + "\n")

"""What becomes of a learnt state under a changed use case or environment: what could be kept, and what learns anew."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from millrace.domain.errors import HistoryLost
from millrace.domain.usecase import AnyUseCase
from millrace.learning.sealed import Header
from millrace.runtime.environment import fingerprint
from millrace.usecases import hash_of, parts_of
from trainer.history import Checkpoints

Verdict = Literal["keep", "warm up", "gone", "new epoch"]

HARMLESS = ("simulator", "baseline")
"""Parts that leave nothing in a state but a score."""
LEARNT = ("candidate", "profile", "features")
"""Parts that begin empty and learn from the events to come; any other part decides what all of them learn from."""


class Planned(msgspec.Struct, frozen=True):
    """One part: what becomes of it and why; for a warm-up, the events that the state's own took, and the seconds."""

    part: str
    verdict: Verdict
    why: str
    events: int | None = None
    seconds: float | None = None


class Plan(msgspec.Struct, frozen=True):
    """Every part. `goes_on` says whether the trainer takes the state up as it is; if not, `applying` says what it does."""

    use_case: str
    state_id: str
    events: int
    goes_on: bool
    parts: list[Planned]
    applying: str

    def timed(self, events_per_second: float) -> Plan:
        """Return the plan with how long each warm-up takes at a speed of learning."""
        parts = [
            it if it.events is None else msgspec.structs.replace(it, seconds=round(it.events / events_per_second, 1))
            for it in self.parts
        ]
        return msgspec.structs.replace(self, parts=parts)


async def newest_header(checkpoints: Checkpoints) -> Header:
    """Return what the newest checkpoint says of itself, whatever wrote it; raise `HistoryLost` when there is none."""
    for kept in await checkpoints.index.newest_first():
        header = await checkpoints.header(kept)
        if header is not None:
            return header
    raise HistoryLost("no checkpoint can be read: nothing was learnt yet that a change could touch")


def plan(use_case: AnyUseCase, header: Header) -> Plan:
    """Return what becomes of each part of a state under the use case and the environment as they are now."""
    same = hash_of(use_case) == header.use_case_hash
    parts = [*_environment(header), *(_kept(use_case) if same else _changed(use_case, header))]
    goes_on = same and all(it.verdict == "keep" for it in parts)
    return Plan(use_case.name, header.state_id, header.events, goes_on, parts, _applying(goes_on))


def _applying(goes_on: bool) -> str:
    if goes_on:
        return "the trainer goes on from this state as it is"
    return (
        "the trainer refuses this state. MILLRACE_NEW_EPOCH=true lets it begin a new epoch: today every part then learns "
        "anew from where the old epoch stopped, also those that could be kept; or bring back what wrote the state"
    )


def _environment(header: Header) -> Iterator[Planned]:
    here, there = fingerprint(), header.environment
    for name in {**there, **here}:
        if there.get(name) == here.get(name):
            yield Planned(name, "keep", f"is {here[name]}, as it was")
        else:
            words = f"was {there.get(name)}, is {here.get(name)}: the same records would give other bits"
            yield Planned(name, "new epoch", words)


def _kept(use_case: AnyUseCase) -> Iterator[Planned]:
    return (Planned(name, "keep", "unchanged") for name in parts_of(use_case))


def _changed(use_case: AnyUseCase, header: Header) -> Iterator[Planned]:
    here, there = parts_of(use_case), header.use_case_parts
    if not there:
        yield Planned(
            "use case", "new epoch", "unknown: the whole file changed, and this state does not say of which parts"
        )
        return
    differing = {name for name in {**there, **here} if there.get(name) != here.get(name)}
    others_see = sorted(it for it in differing if it == "features" or it.startswith("profile "))
    for name in {**there, **here}:
        yield _verdict(name, name in there, name in here, name in differing, others_see, header.events)
    if not differing:
        yield Planned(
            "the rest of the file", "keep", "only what no part uses is written otherwise: comments, docstrings, …"
        )


def _verdict(name: str, before: bool, now: bool, differs: bool, others_see: list[str], events: int) -> Planned:
    kind = name.partition(" ")[0]
    how = "is written otherwise" if before and now else "is new"
    if not now:
        return Planned(name, "gone", "is there no more")
    if kind == "candidate" and others_see and not differs:
        return Planned(name, "warm up", f"unchanged, but it sees other features: {', '.join(others_see)}", events)
    if not differs:
        return Planned(name, "keep", "unchanged")
    if kind in HARMLESS:
        return Planned(name, "keep", f"{how}; a state holds nothing of it but a score")
    if kind in LEARNT:
        return Planned(name, "warm up", how, events)
    return Planned(name, "new epoch", f"{how}: everything was learnt with it as it was")


async def plan_from_settings(name: str, shard: int = 0) -> Plan:
    """Return the plan for a use case, by name or file, under the newest checkpoint in the store the settings name."""
    from millrace.adapters.checkpoints.s3 import open_store
    from millrace.runtime.settings import Connections
    from millrace.runtime.signing import PublicKeys
    from millrace.usecases import find

    connections = Connections()
    use_case = find(name).under(connections.topic_prefix)
    store = open_store(connections, connections.checkpoints_bucket)
    try:
        checkpoints = Checkpoints(use_case, shard, store, PublicKeys.load(connections.trusted_keys()).verify)
        return plan(use_case, await newest_header(checkpoints))
    finally:
        await store.close()

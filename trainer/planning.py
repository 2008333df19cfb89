"""What becomes of a learnt state under a changed use case or environment: what could be kept, and what learns anew."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from millrace.adapters.checkpoints.port import ObjectStore
from millrace.domain.errors import HistoryLost
from millrace.domain.usecase import AnyUseCase
from millrace.learning.grafting import Kept
from millrace.learning.sealed import Header
from millrace.runtime.environment import fingerprint
from millrace.usecases import hash_of, parts_of
from trainer.history import Checkpoints

Verdict = Literal["keep", "warm up", "gone", "new epoch"]

HARMLESS = ("simulator",)
"""Parts that leave nothing in a state."""
LEARNT = ("candidate", "baseline", "profile", "features")
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

    @property
    def kept(self) -> Kept | None:
        """What an epoch that begins from the state would keep of it; `None` when everything would learn anew."""
        if any(it.verdict == "new epoch" for it in self.parts):
            return None
        names = {it.part for it in self.parts if it.verdict == "keep"}
        of = {kind: frozenset(_named(kind, names)) for kind in ("candidate", "baseline", "profile")}
        return Kept(of["candidate"] | of["baseline"], of["profile"], features="features" in names)

    def timed(self, events_per_second: float) -> Plan:
        """Return the plan with how long each warm-up takes at a speed of learning."""
        parts = [
            it if it.events is None else msgspec.structs.replace(it, seconds=round(it.events / events_per_second, 1))
            for it in self.parts
        ]
        return msgspec.structs.replace(self, parts=parts)


def _named(kind: str, parts: Iterable[str]) -> Iterator[str]:
    return (name for word, _, name in (it.partition(" ") for it in parts) if word == kind)


async def newest_header(checkpoints: Checkpoints) -> Header:
    """Return what the newest checkpoint says of itself, whatever wrote it; raise `HistoryLost` when there is none."""
    newest = await checkpoints.newest_sealed()
    if newest is None:
        raise HistoryLost("no checkpoint can be read: nothing was learnt yet that a change could touch")
    return newest.header


def plan(use_case: AnyUseCase, header: Header) -> Plan:
    """Return what becomes of each part of a state under the use case and the environment as they are now."""
    environment = list(_environment(header))
    others = [it.part for it in environment if it.verdict == "warm up"]
    same = hash_of(use_case) == header.use_case_hash
    parts = list(_kept(use_case, others, header.events) if same else _changed(use_case, header, others))
    goes_on = same and fingerprint() == header.environment
    found = Plan(use_case.name, header.state_id, header.events, goes_on, environment + parts, "")
    return msgspec.structs.replace(found, applying=_applying(found))


def _applying(found: Plan) -> str:
    if found.goes_on:
        return "the trainer goes on from this state as it is"
    what = "in which every part learns anew" if found.kept is None else "that keeps what is kept here"
    return (
        f"the trainer refuses this state. Applied (`millrace plan … --apply`), it begins a new epoch {what}, from where the old "
        f"one stopped; or bring back what wrote the state"
    )


def _environment(header: Header) -> Iterator[Planned]:
    here, there = fingerprint(), header.environment
    for name in {**there, **here}:
        if there.get(name) == here.get(name):
            yield Planned(name, "keep", f"is {here[name]}, as it was")
        else:
            words = f"was {there.get(name)}, is {here.get(name)}: {_OTHERWISE.get(name, _BITS)}"
            yield Planned(name, _ENVIRONMENT.get(name, "keep"), words)


_ENVIRONMENT: dict[str, Verdict] = {"layout": "new epoch", "river": "warm up"}
_OTHERWISE = {"layout": "a checkpoint has another form now", "river": "models are its objects, and are made anew"}
_BITS = "the same records may give other bits, so what comes is an epoch of its own"


def _kept(use_case: AnyUseCase, others: list[str], events: int) -> Iterator[Planned]:
    return (_verdict(name, True, True, False, others, events) for name in parts_of(use_case))


def _changed(use_case: AnyUseCase, header: Header, others: list[str]) -> Iterator[Planned]:
    here, there = parts_of(use_case), header.use_case_parts
    if not there:
        yield Planned(
            "use case", "new epoch", "unknown: the whole file changed, and this state does not say of which parts"
        )
        return
    differing = {name for name in {**there, **here} if there.get(name) != here.get(name)}
    others = others + sorted(it for it in differing if it == "features" or it.startswith("profile "))
    for name in {**there, **here}:
        yield _verdict(name, name in there, name in here, name in differing, others, header.events)
    if not differing:
        yield Planned(
            "the rest of the file", "keep", "only what no part uses is written otherwise: comments, docstrings, …"
        )


def _verdict(name: str, before: bool, now: bool, differs: bool, others: list[str], events: int) -> Planned:
    kind = name.partition(" ")[0]
    how = "is written otherwise" if before and now else "is new"
    if not now:
        return Planned(name, "gone", "is there no more")
    if kind == "candidate" and others and not differs:
        return Planned(name, "warm up", f"unchanged, but what it learns by is not: {', '.join(others)}", events)
    if not differs:
        return Planned(name, "keep", "unchanged")
    if kind in HARMLESS:
        return Planned(name, "keep", f"{how}; a state holds nothing of it")
    if kind in LEARNT:
        return Planned(name, "warm up", how, events)
    return Planned(name, "new epoch", f"{how}: everything was learnt with it as it was")


class Applied(msgspec.Struct, frozen=True):
    """Leave, given once, to begin an epoch from states that one use case and environment wrote under another's."""

    from_use_case: str
    from_environment: dict[str, str]
    to_use_case: str
    to_environment: dict[str, str]

    @classmethod
    def under(cls, use_case: AnyUseCase, header: Header) -> Applied:
        """Return the leave that states like this one need under the use case and the environment as they are now."""
        return cls(header.use_case_hash, header.environment, hash_of(use_case), fingerprint())


class Plans:
    """The newest plan that was applied to one shard, beside its checkpoints."""

    def __init__(self, store: ObjectStore, use_case: str, shard: int) -> None:
        self._store = store
        self._key = f"{use_case}/{shard}/plan.json"

    async def apply(self, plan: Applied) -> None:
        """Let the trainer begin the epoch."""
        await self._store.put(self._key, msgspec.json.encode(plan))

    async def is_applied(self, plan: Applied) -> bool:
        """Tell whether just this was applied."""
        kept = await self._store.get(self._key)
        try:
            return kept is not None and msgspec.json.decode(kept, type=Applied) == plan
        except msgspec.MsgspecError:
            return False


async def plan_from_settings(name: str, shard: int = 0, *, apply: bool = False) -> Plan:
    """Return the plan for a use case, by name or file, under the newest checkpoint in the store the settings name.

    `apply` lets the trainer begin the epoch, where the state does not go on as it is.
    """
    from millrace.adapters.checkpoints.s3 import open_store
    from millrace.runtime.settings import Connections
    from millrace.runtime.signing import PublicKeys
    from millrace.usecases import find

    connections = Connections()
    use_case = find(name).under(connections.topic_prefix)
    store = open_store(connections, connections.checkpoints_bucket)
    try:
        checkpoints = Checkpoints(use_case, shard, store, PublicKeys.load(connections.trusted_keys()).verify)
        header = await newest_header(checkpoints)
        found = plan(use_case, header)
        if apply and not found.goes_on:
            await Plans(store, use_case.name, shard).apply(Applied.under(use_case, header))
        return found
    finally:
        await store.close()

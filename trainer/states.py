"""Shards from and to sealed checkpoints."""

from __future__ import annotations

from typing import Any, Literal

from millrace.domain.errors import IncompatibleState
from millrace.domain.log import TopicPartition
from millrace.domain.usecase import AnyUseCase
from millrace.learning.grafting import Kept, graft
from millrace.learning.intake import Clock
from millrace.learning.sealed import Header, Sign, Verify, dump, load, seal, unseal
from millrace.learning.shard import Shard
from millrace.learning.states import checkpoint_parts, restore, snapshot_parts, when
from millrace.runtime.environment import fingerprint
from millrace.usecases import hash_of, parts_of

CLOCKS = "clocks"
"""The part with each partition's clock."""


def header_of(shard: Shard, kind: Literal["checkpoint", "snapshot"], digest: str | None = None) -> Header:
    """Return what a sealed state of a shard says of itself."""
    learner = shard.learner
    return Header(
        kind=kind,
        use_case=shard.use_case.name,
        shard=shard.number,
        epoch=shard.epoch,
        offset=shard.offset,
        state_id=str(shard.state_id),
        champion=learner.contest.champion,
        trained_until=when(learner.trained_until),
        stream_time=when(learner.time),
        use_case_hash=hash_of(shard.use_case),
        environment=fingerprint(),
        events=learner.counters.get("events", 0),
        digest=digest,
        chain=shard.chain,
        cluster_id=shard.cluster_id,
        positions={str(where): offset for where, offset in shard.positions.items()},
        sequences={str(where): number for where, number in shard.sequences.items()},
        use_case_parts=parts_of(shard.use_case) if kind == "checkpoint" else {},
    )


def sealed_snapshot(shard: Shard, sign: Sign) -> bytes:
    """Return what serving needs, signed."""
    return seal(header_of(shard, "snapshot"), snapshot_parts(shard.learner), sign)


def sealed_checkpoint(shard: Shard, sign: Sign) -> bytes:
    """Return the whole state, with its digest, signed."""
    clocks = dump({str(where): tuple(clock) for where, clock in shard.clocks.items()})
    parts = {**checkpoint_parts(shard.learner), CLOCKS: clocks}
    return seal(header_of(shard, "checkpoint", shard.digest()), parts, sign)


def open_checkpoint(use_case: AnyUseCase, sealed: bytes, verify: Verify, kind: type[Shard] = Shard) -> Shard:
    """Return the shard a checkpoint is of; raise `Untrusted`, or `IncompatibleState` naming what differs.

    `kind` may be one that also keeps what it sees.
    """
    header, parts = unseal(sealed, verify)
    refuse_difference(use_case, header)
    rest = {name: part for name, part in parts.items() if name != CLOCKS}
    return _placed(kind(use_case, header.shard, restore(use_case, rest)), header, load(parts[CLOCKS], ""))


def _placed(shard: Shard, header: Header, clocks: dict[str, Any]) -> Shard:
    """Put a shard where a checkpoint stands in the log."""
    shard.epoch, shard.offset, shard.chain = header.epoch, header.offset, header.chain or ""
    shard.cluster_id = header.cluster_id or ""
    shard.positions = {TopicPartition.parse(text): offset for text, offset in header.positions.items()}
    shard.sequences = {TopicPartition.parse(text): number for text, number in header.sequences.items()}
    shard.clocks = {TopicPartition.parse(text): Clock(*clock) for text, clock in clocks.items()}
    return shard


def grafted(use_case: AnyUseCase, header: Header, parts: dict[str, bytes], kept: Kept) -> Shard:
    """Return a shard that begins where a checkpoint of other code stands, with what is kept of it.

    Raises `IncompatibleState` when what it holds cannot be read any more.
    """
    try:
        learner = graft(use_case, parts, kept)
        clocks = load(parts[CLOCKS], "")
    except Exception as error:  # pickles of another time may raise anything
        raise IncompatibleState(
            f"{header.state_id} cannot be read any more, so nothing of it can be kept: {type(error).__name__}: {error}. "
            f"Bring back what wrote it, or begin a new epoch with MILLRACE_NEW_EPOCH=true"
        ) from error
    return _placed(Shard(use_case, header.shard, learner), header, clocks)


def refuse_difference(use_case: AnyUseCase, header: Header) -> None:
    """Raise `IncompatibleState` when a state was written by another use-case file or environment, naming each difference."""
    here = {**fingerprint(), "use case": hash_of(use_case)[:12]}
    there = {**header.environment, "use case": header.use_case_hash[:12]}
    different = [
        f"{name} was {there.get(name)}, is {here.get(name)}"
        for name in {**there, **here}
        if there.get(name) != here.get(name)
    ]
    if different:
        raise IncompatibleState(
            f"{header.state_id} cannot be continued: {'; '.join(different)}. `millrace plan` says what can be kept of it and "
            f"`millrace plan --apply` goes on with that; or bring back what wrote it; or MILLRACE_NEW_EPOCH=true begins anew, "
            f"from where the old epoch stopped"
        )

"""`bench learner`: the learner on the log, against a bare River loop of the same models, features and metrics.

Both learn the same facts in the same order in one run, in turn; the ratio of their speeds is what is told. The bare loop has
everything in memory, decoded and in the order in which the ledger settles it (labels of one moment are shuffled, and a model's
work depends on the order): no log, no ledger, no journal, no checkpoint. Millrace's side is the trainer as it is: log,
transactions, journal, checkpoints, snapshots. Everything is on the log before the clock starts, and nobody else is at work but
the log itself.
"""

from __future__ import annotations

import asyncio
import copy
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from millrace.adapters.bus.port import Message
from millrace.adapters.registry.memory import MemoryRegistry
from millrace.domain.errors import UseCaseError
from millrace.domain.facts import Event, available_at
from millrace.domain.times import micros
from millrace.domain.usecase import AnyUseCase, Fact
from millrace.learning.contest import Contest
from millrace.learning.ledger import NO_TRUTH, Ledger
from millrace.learning.profiles import Memory
from millrace.runtime.collector import fit_collector
from millrace.runtime.embedded.stack import Stack
from millrace.runtime.settings import Connections
from trainer.settings import TrainerSettings
from trainer.training import Training
from trainer.wiring import Services, log_of, open_training, services

Progress = Callable[[str], None]

CHUNK = 500
TAIL = 1_000
"""Records at the end that are not waited for: a stream that ends is waited for, and this measures one that goes on."""
STALLED = 30.0
"""Seconds without an event after which a round is given up."""


class Bench(msgspec.Struct, frozen=True):
    """What was measured: medians over the rounds, and each round's ratio."""

    use_case: str
    log: str
    events: int
    ratio: float
    bare_events_per_second: float
    millrace_events_per_second: float
    ratios: list[float]
    mean_batch: float
    by_shards: dict[str, dict[str, float]]


def bare(use_case: AnyUseCase, facts: Sequence[Fact]) -> tuple[float, float]:
    """Learn facts in a plain loop; return seconds and the first candidate's score."""
    memory, contest = Memory(use_case), Contest(use_case)
    target: Any = use_case.task.target
    waiting: dict[str, tuple[Any, Any, Any]] = {}
    started = time.perf_counter()
    for fact in facts:
        if isinstance(fact, Event):
            seen = memory.seen(fact, micros(fact.occurred_at))
            features = use_case.features(fact, seen)
            foreseen, _ = contest.foresee(fact, seen, features)
            memory.saw(fact, micros(fact.occurred_at))
            waiting[getattr(fact, use_case.id_field)] = fact, features, foreseen
        else:
            event, features, foreseen = waiting.pop(getattr(fact, use_case.of_field))
            contest.learn(features, foreseen, float(target(fact)))
            memory.settled(event, fact, micros(fact.known_at))
    seconds, score = time.perf_counter() - started, next(iter(contest.scores.values()))
    return seconds, score.overall().get(score.metric, 0.0)


def as_learnt(use_case: AnyUseCase, facts: Iterable[Fact]) -> list[Fact]:
    """Return facts in the order in which a learner takes them: events as they come, labels as they are settled."""
    ledger, order = Ledger(use_case, use_case.task.truth or NO_TRUTH), list[Fact]()
    for fact in facts:
        at = available_at(fact)
        order += [entry.label for entry in ledger.settle(at) if entry.label is not None]
        if isinstance(fact, Event):
            ledger.expect(getattr(fact, use_case.id_field), fact, at, {}, {})
            order.append(fact)
        else:
            ledger.hear(fact, at, at)
    return order


def messages_of(use_case: AnyUseCase, facts: Sequence[Fact]) -> list[Message]:
    """Return facts as messages, labels keyed like their events."""
    keys: dict[str, bytes] = {}
    found = []
    for fact in facts:
        if isinstance(fact, Event):
            key = keys[getattr(fact, use_case.id_field)] = str(getattr(fact, use_case.key_field)).encode()
            found.append(Message(use_case.topic("events"), msgspec.json.encode(fact), key))
        else:
            key = keys.pop(getattr(fact, use_case.of_field))
            found.append(Message(use_case.topic("labels"), msgspec.json.encode(fact), key))
    return found


async def produce(connections: Connections, messages: Sequence[Message], topics: Sequence[str]) -> None:
    """Write all messages before anything is learnt: who else works meanwhile would be measured too."""
    bus = log_of(connections, "millrace-bench-producer")
    await bus.ensure_topics(dict.fromkeys(topics, 1))
    writer = await bus.writer()
    for start in range(0, len(messages), CHUNK):
        await writer.send(messages[start : start + CHUNK])
    await writer.close()
    await bus.close()


async def on_the_log(
    settings: TrainerSettings, use_case: AnyUseCase, on: Services, messages: Sequence[Message]
) -> tuple[float, float]:
    """Learn messages through the log, all but a tail; return events a second and the mean batch."""
    topics = [use_case.topic("events"), use_case.topic("labels")]
    await produce(settings, messages, topics)
    training, _, _ = await open_training(settings, use_case, on)
    tasks = [asyncio.create_task(it) for it in training.background()]
    events = sum(message.topic == topics[0] for message in messages[:-TAIL])
    await training.prepare()
    if any(training.shard.positions.values()):
        raise UseCaseError("the log has let go of records before they were learnt: measure with fewer --records")
    started = newest = time.perf_counter()
    met = 0
    while met < events:
        await training.turn()
        now, before, met = time.perf_counter(), met, training.shard.learner.counters.get("events", 0)
        newest = now if met > before else newest
        if now - newest > STALLED:
            raise UseCaseError(
                f"nothing was learnt for {STALLED:.0f} s, after {met} of {events} events: {_where(training)}"
            )
    speed = met / (time.perf_counter() - started)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await training.close()
    await on.close()
    return speed, training.progress.records / training.progress.batches


def _where(training: Training) -> str:
    """Say how far each partition was read and how much of it waits."""
    feed, positions = training.feed, training.shard.positions
    return f"{feed.waiting()} records wait; learnt up to {', '.join(f'{it} {at}' for it, at in positions.items())}"


class Round(NamedTuple):
    """One pair of runs: events a second of each side, the mean batch, the first candidate's score."""

    bare: float
    millrace: float
    batch: float
    score: float


async def bench_learner(
    settings: TrainerSettings,
    new_use_case: Callable[[int], AnyUseCase],
    facts: Sequence[Fact],
    on: Callable[[], Services],
    *,
    log: str,
    rounds: int,
    say: Progress,
) -> Bench:
    """Measure in turn, bare and on the log, some rounds; each round on topics of its own."""
    fit_collector()  # for both sides alike
    labelled = _labelled(new_use_case(0), facts)
    ordered = as_learnt(new_use_case(0), labelled)
    events = sum(isinstance(fact, Event) for fact in facts)
    found: list[Round] = []
    for number in range(rounds):
        use_case = new_use_case(number)
        seconds, score = bare(use_case, ordered)
        say(f"round {number + 1}: bare River {events / seconds:,.0f} events/s")
        theirs = settings.model_copy(update={"use_case": use_case.name})
        speed, batch = await on_the_log(theirs, use_case, on(), messages_of(use_case, labelled))
        found.append(Round(events / seconds, speed, batch, score))
        say(f"round {number + 1}: Millrace on {log} {speed:,.0f} events/s, ratio {speed / found[-1].bare:.3f}")
    return _summed(found, use_case=new_use_case(0).name, log=log, events=events)


def _summed(rounds: Sequence[Round], *, use_case: str, log: str, events: int) -> Bench:
    ratios = [it.millrace / it.bare for it in rounds]
    speed = round(statistics.median(it.millrace for it in rounds), 1)
    return Bench(
        use_case=use_case,
        log=log,
        events=events,
        ratio=round(statistics.median(ratios), 3),
        bare_events_per_second=round(statistics.median(it.bare for it in rounds), 1),
        millrace_events_per_second=speed,
        ratios=[round(it, 3) for it in ratios],
        mean_batch=round(statistics.mean(it.batch for it in rounds), 1),
        by_shards={"1": {"events_per_second": speed, "score": round(rounds[-1].score, 4)}},
    )


def _labelled(use_case: AnyUseCase, facts: Sequence[Fact]) -> list[Fact]:
    """Return facts without labels whose event is not among them."""
    known: set[str] = set()
    kept: list[Fact] = []
    for fact in facts:
        if isinstance(fact, Event):
            known.add(getattr(fact, use_case.id_field))
            kept.append(fact)
        elif getattr(fact, use_case.of_field) in known:
            kept.append(fact)
    return kept


async def learner_on(kafka: str, name: str, records: int, rounds: int, say: Progress) -> Bench:
    """Start what the measure needs (log, object store, online store), measure, and stop it.

    `kafka` is `embedded`, `local` or an address. The registry is its twin in memory: a registration every five minutes
    is nothing the loop waits for.
    """
    from millrace.adapters.archive.tables import load_replayed
    from millrace.usecases import default, find

    chosen = find(name or default())
    if not chosen.is_replayed:
        raise UseCaseError(f"{chosen.name} has no recorded source to measure on")
    facts = load_replayed(chosen).facts[:records]
    run = f"bench-{os.getpid()}"

    def use_case(number: int) -> AnyUseCase:
        twin = copy.copy(chosen)
        twin.name = f"{run}-{number}-{chosen.name}"
        return twin

    with tempfile.TemporaryDirectory(prefix="millrace-bench-") as home, Stack(kafka, Path(home)) as stack:
        settings = TrainerSettings(use_case=run, **stack.connections.model_dump())

        def on() -> Services:
            return services(settings)._replace(registry=MemoryRegistry())

        found = await bench_learner(settings, use_case, facts, on, log=kafka, rounds=rounds, say=say)
    return msgspec.structs.replace(found, use_case=chosen.name)

"""Which facts would be dead letters, as the learner's intake reads them: leaps in time, broken clocks, records too large."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from millrace.checking.findings import Finding
from millrace.checking.places import Places
from millrace.domain.facts import Event
from millrace.domain.log import Record, TopicPartition
from millrace.domain.usecase import AnyUseCase, Fact
from millrace.learning.intake import Arrival, Intake
from millrace.learning.outcomes import Unreadable

ADVICE = {"future": "Say with allowed_gap= how long the stream may be silent, as in allowed_gap='90d'"}


def refused(use_case: AnyUseCase, places: Places, facts: Sequence[Fact]) -> Iterator[Finding]:
    """Yield a finding a reason for which facts, in the order of time, would be refused."""
    found: dict[str, list[str]] = {}
    for it in _placed(use_case, facts):
        if isinstance(it.fact, Unreadable):
            found.setdefault(it.fact.reason, []).append(it.fact.detail)
    for reason, details in found.items():
        line = places.argument("allowed_gap" if reason == "future" else "source")
        words = f"{len(details):,} of {len(facts):,} facts would be dead letters, the first because {details[0]}"
        do = ADVICE.get(reason, "Correct the source")
        yield Finding(rule=f"refused-{reason}", file=places.path, line=line, words=words, do=do)


def _placed(use_case: AnyUseCase, facts: Sequence[Fact]) -> list[Arrival]:
    case, encode = use_case.on_own_topics(), msgspec.json.encode
    intake = Intake(case)
    batch: dict[TopicPartition, list[Arrival]] = {}
    for number, fact in enumerate(facts):
        topic = case.topic("events" if isinstance(fact, Event) else "labels")
        record = Record(topic, 0, number, 0, None, encode(fact))
        batch.setdefault(TopicPartition(topic, 0), []).append(intake.read(record))
    return intake.arrange(batch, {})[0]

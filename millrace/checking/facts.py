"""Rules that facts decide: what features are made of them, what rules and targets say, whether labels come in time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from math import isfinite
from statistics import quantiles
from typing import Any, NamedTuple

from millrace.checking.findings import Finding, Level
from millrace.checking.places import Places
from millrace.checking.sample import Sample
from millrace.domain.facts import Event, Label, available_at
from millrace.domain.tasks import Classification, Clustering
from millrace.domain.times import SECOND
from millrace.domain.usecase import AnyUseCase, Fact, Features
from millrace.learning.profiles import Memory

LOOKED_AT = 300
"""Events of which the features are made one by one."""
ENOUGH = 50
"""Facts from which on a share means something."""


class Looked(NamedTuple):
    """An event with its profiles and features."""

    event: Any
    seen: Any
    features: Features


class Facts:
    """The rules over one use case and some facts."""

    def __init__(self, use_case: AnyUseCase, places: Places, sample: Sample) -> None:
        self._case = use_case
        self._places = places
        self._real = sample.real
        self._events = [it for it in sample.facts if isinstance(it, Event)]
        self._labels = [it for it in sample.facts if isinstance(it, Label)]
        self.looked: list[Looked] = []

    def findings(self) -> Iterator[Finding]:
        """Yield what the facts show to be wrong; afterwards `looked` has some events with their features."""
        yield from self._features()
        yield from self._baselines()
        yield from self._target()
        if self._real:
            yield from self._matching()
            yield from self._keys()

    def _features(self) -> Iterator[Finding]:
        memory, told = Memory(self._case), set[str]()
        for event in islice(self._events, LOOKED_AT):
            at = available_at(event)
            try:
                first, second = (self._case.features(event, memory.seen(event, at)) for _ in range(2))
                memory.saw(event, at)
            except Exception as error:  # noqa: BLE001 - an author's code may raise anything; that is what is told
                yield self._raised("features", "features()", error, self._places.line_of(self._case.features))
                return
            if not isinstance(first, dict):
                words = f"features() returned a {type(first).__name__}"
                yield self._wrong("features", self._places.line_of(self._case.features), words, "Return a dict")
                return
            self.looked.append(Looked(event, memory.seen(event, at), first))
            for finding in self._of_one(event, first, second):
                if finding.rule + str(finding.line) not in told:
                    told.add(finding.rule + str(finding.line))
                    yield finding
        yield from self._identifiers()
        yield from self._shape()
        yield from self._notes()

    def _of_one(self, event: Any, first: Features, second: Features) -> Iterator[Finding]:
        for name, value in first.items():
            line = self._places.feature(self._case.features, name)
            if type(value) not in (float, int, str, bool):
                words = f"feature {name!r} is {value!r}, a {type(value).__name__}"
                do = "Make it a float, int, str or bool; say what stands for a missing value"
                yield self._wrong("feature-type", line, words, do)
            elif isinstance(value, float) and not isfinite(value):
                words = f"feature {name!r} is {value} for {self._id(event)!r}"
                yield self._wrong("not-finite", line, words, "Guard the division or the missing value behind it")
            if name in second and repr(second[name]) != repr(value):
                words = f"feature {name!r} of the same event is {value!r}, then {second[name]!r}"
                do = "Use only the event and its profiles: no counters, clocks or chance"
                yield self._wrong("impure", line, words, do)

    def _identifiers(self) -> Iterator[Finding]:
        if len(self.looked) < ENOUGH:
            return
        for name in self.looked[0].features:
            if all(str(it.features.get(name)) == str(self._id(it.event)) for it in self.looked):
                line = self._places.feature(self._case.features, name)
                words = f"feature {name!r} is the event's id, which never comes again: nothing can be learnt from it"
                yield self._wrong("identifier", line, words, "Leave it out")

    def _shape(self) -> Iterator[Finding]:
        shapes = Counter(tuple(it.features) for it in self.looked)
        if len(shapes) > 1:
            usual, *others = [set(it) for it, _ in shapes.most_common()]
            words = f"features() makes {sorted(usual ^ others[0])} for some events only"
            line = self._places.line_of(self._case.features)
            yield self._wrong("feature-shape", line, words, "Make the same features for every event")

    def _notes(self) -> Iterator[Finding]:
        """Compare what is said of features with those there are; who says nothing of any need not say it of all."""
        made, said = {name for it in self.looked for name in it.features}, set(self._case.notes)
        if said and (lacking := sorted(made - said)):
            words = f"notes= says nothing of {', '.join(lacking)}"
            yield self._wrong(
                "notes", self._places.argument("notes"), words, "Say what each means, with its unit", "note"
            )
        for name in sorted(said - made):
            words = f"notes= explains {name!r}, which features() does not make; it makes {', '.join(sorted(made))}"
            yield self._wrong("notes", self._places.argument("notes"), words, "Correct the name, or leave it out")

    def _baselines(self) -> Iterator[Finding]:
        for name, rule in self._case.baselines.items():
            line = self._places.entry("baselines", name)
            for it in self.looked:
                try:
                    value = float(rule(it.event, it.seen))
                except Exception as error:  # noqa: BLE001 - an author's code may raise anything; that is what is told
                    yield self._raised("baseline", f"baseline {name!r}", error, line)
                    break
                if not isfinite(value):
                    words = f"baseline {name!r} says {value} for {self._id(it.event)!r}"
                    yield self._wrong("baseline", line, words, "Let it say a number for every event")
                    break

    def _target(self) -> Iterator[Finding]:
        task = self._case.task
        target = getattr(task, "target", None)
        if target is None or not self._labels:
            return
        line = self._places.argument("target", type(task).__name__)
        truths = []
        for label in islice(self._labels, LOOKED_AT):
            try:
                truths.append(target(label))
            except Exception as error:  # noqa: BLE001 - an author's code may raise anything; that is what is told
                yield self._raised("target", "the target", error, line)
                return
        yield from self._target_type(truths, line)

    def _target_type(self, truths: Sequence[Any], line: int) -> Iterator[Finding]:
        yes_or_no = isinstance(self._case.task, Classification)
        fitting = (bool,) if yes_or_no else (str,) if isinstance(self._case.task, Clustering) else (int, float)
        strange = [it for it in truths if it is not None and (not isinstance(it, fitting) or _is_flag(it, yes_or_no))]
        if strange:
            wanted = "yes or no (a bool)" if yes_or_no else "a name (a str)" if str in fitting else "a number"
            words = f"the target says {strange[0]!r}, a {type(strange[0]).__name__}; a {self._case.task.name} asks for {wanted}"
            yield self._wrong("target-type", line, words, "Convert it, or ask the other question")
        elif not [it for it in truths if it is not None]:
            yield self._wrong("target-type", line, "the target is None for every label", "Read another field")

    def _matching(self) -> Iterator[Finding]:
        """Look whether labels meet their events, in time, and tell more than their events do."""
        truth = self._case.task.truth
        if truth is None or len(self._labels) < ENOUGH:
            return
        events = {self._id(it): it for it in self._events}
        pairs = [(events[of], it) for it in self._labels if (of := getattr(it, self._case.of_field)) in events]
        if len(pairs) < len(self._labels) / 2:
            words = f"{len(self._labels) - len(pairs)} of {len(self._labels)} labels name no event there is"
            line = self._places.attribute(truth.label.__name__, self._case.of_field)
            yield self._wrong("no-event", line, words, "Let it hold what the event's id holds")
        if len(pairs) >= ENOUGH:
            yield from self._patience(pairs)
            yield from self._leaks(pairs)

    def _patience(self, pairs: Sequence[tuple[Any, Any]]) -> Iterator[Finding]:
        truth = self._case.task.truth
        assert truth is not None
        waits = [available_at(label) - available_at(event) for event, label in pairs]
        late = sum(it > truth.patience for it in waits) / len(waits)
        if late > 0.01:
            needed = quantiles(waits, n=100)[98] / SECOND / 3600
            words = (
                f"{late:.0%} of the labels come after the patience of {truth.patience / SECOND / 3600:g} h has passed"
            )
            line = self._places.argument("patience", "Truth")
            yield self._wrong("patience", line, words, f"Wait longer: 99 of 100 came within {needed:.1f} h")

    def _leaks(self, pairs: Sequence[tuple[Any, Any]]) -> Iterator[Finding]:
        target = getattr(self._case.task, "target", None)
        truths = [] if target is None else [target(label) for _, label in pairs]
        if len(set(truths)) < 2:
            return
        for field in self._case.event.__struct_fields__:
            told = sum(getattr(event, field) == truth for (event, _), truth in zip(pairs, truths, strict=True))
            if told > 0.95 * len(pairs):
                line = self._places.attribute(self._case.event.__name__, field)
                words = (
                    f"field {field!r} of the event equals the target in {told} of {len(pairs)} cases: that is peeking"
                )
                yield self._wrong("peeking", line, words, "Leave it out of the event; it is known only with the label")

    def _keys(self) -> Iterator[Finding]:
        if len(self._events) < ENOUGH:
            return
        keys = {getattr(it, self._case.key_field) for it in self._events}
        line = self._places.attribute(self._case.event.__name__, self._case.key_field)
        if len(keys) == 1:
            words = f"the key {self._case.key_field!r} is the same for all {len(self._events)} events"
            yield self._wrong("key", line, words, "Key by the entity, or there can never be a second shard", "note")
        elif len(keys) == len(self._events):
            words = f"the key {self._case.key_field!r} is another for each of {len(self._events)} events"
            yield self._wrong("key", line, words, "Key by an entity that comes again", "note")

    def _id(self, event: Fact) -> Any:
        return getattr(event, self._case.id_field)

    def _raised(self, rule: str, what: str, error: Exception, line: int) -> Finding:
        trace = error.__traceback__
        while trace is not None:
            line = trace.tb_lineno if trace.tb_frame.f_code.co_filename == self._places.path else line
            trace = trace.tb_next
        words = f"{what} raised {type(error).__name__}: {error}"
        return self._wrong(rule, line, words, "Let it stand every event; missing values and zeros come")

    def _wrong(self, rule: str, line: int, words: str, do: str, level: Level = "wrong") -> Finding:
        return Finding(rule=rule, file=self._places.path, line=line, words=words, do=do, level=level)


def _is_flag(value: Any, yes_or_no: bool) -> bool:
    return not yes_or_no and isinstance(value, bool)

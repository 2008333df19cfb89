"""All rules over one file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from millrace.checking.facts import Facts
from millrace.checking.findings import Finding, Flawed
from millrace.checking.loading import load_file
from millrace.checking.models import built
from millrace.checking.places import Places
from millrace.checking.refused import refused
from millrace.checking.sample import Sample, sample
from millrace.checking.static import Static
from millrace.checking.trial import Trial, trial
from millrace.domain.errors import MillraceError
from millrace.domain.usecase import AnyUseCase, Fact

FACTS = 4_000
"""Facts a trial learns from, at most."""


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What a check came to. `real` says whether the facts were the use case's own or made up from its types."""

    use_case: str | None
    file: str
    findings: list[Finding]
    facts: int = 0
    real: bool = False
    events_per_second: float = 0.0

    @property
    def passed(self) -> bool:
        """Tell whether nothing is wrong; notes do not count."""
        return not any(it.level == "wrong" for it in self.findings)


def check(file: Path, facts: Sequence[Fact] | None = None) -> Checked:
    """Check a use case's file, on facts given, its own, or made-up ones; never raises for a fault of the file.

    The trial is run only when nothing else was found: a fault told once, where it is, is told best.
    """
    file = file.resolve()
    try:
        use_case = load_file(file)
    except Flawed as flaw:
        return Checked(use_case=None, file=str(file), findings=[flaw.finding])
    places = Places(str(file), file.read_text(encoding="utf-8"))
    found = list(Static(use_case, places).findings())
    if any(it.level == "wrong" for it in found):
        return Checked(use_case=use_case.name, file=str(file), findings=_in_order(found))
    try:
        tried = Sample(facts, real=True) if facts is not None else sample(use_case, FACTS)
    except MillraceError as error:
        line = places.argument("source")
        unread = Finding(rule="source", file=str(file), line=line, words=str(error), do="Correct the source")
        return Checked(use_case=use_case.name, file=str(file), findings=[unread])
    return _tried(use_case, file, places, found, tried)


def _tried(use_case: AnyUseCase, file: Path, places: Places, found: list[Finding], tried: Sample) -> Checked:
    facts = Facts(use_case, places, tried)
    found += facts.findings()
    if tried.real:
        found += refused(use_case, places, tried.facts)
    if facts.looked:
        for name in use_case.candidates:
            found += built(use_case, places, name, facts.looked[0].features).findings
    speed = 0.0
    if not any(it.level == "wrong" for it in found):
        outcome = trial(use_case, file, tried.facts)
        speed = outcome.events_per_second
        found += _of_trial(use_case, places, outcome)
    return Checked(
        use_case=use_case.name,
        file=str(file),
        findings=_in_order(found),
        facts=len(tried.facts),
        real=tried.real,
        events_per_second=round(speed, 1),
    )


def _of_trial(use_case: AnyUseCase, places: Places, outcome: Trial) -> list[Finding]:
    found = [_suspended(use_case, places, it.candidate, it.reason) for it in outcome.suspended]
    if outcome.refused:
        one = outcome.refused[0]
        words = f"{len(outcome.refused)} facts were refused, the first because: {one.detail}"
        found.append(_finding(places, f"refused-{one.reason}", 1, words, "They would be dead letters"))
    if outcome.counters.get("profiles_failed"):
        words = f"a profile raised for {outcome.counters['profiles_failed']} settled labels"
        line = places.attribute(use_case.profiles.__name__, "")
        found.append(_finding(places, "profile", line, words, "Return None where there is nothing to remember"))
    do = "Something outside the state decides: a seed, a set's order, a variable of the module, a measured size"
    found += [_finding(places, "rebuild", places.argument("candidates"), it, do) for it in outcome.differs]
    return found


def _suspended(use_case: AnyUseCase, places: Places, name: str, reason: str) -> Finding:
    if name not in use_case.candidates:
        return _finding(places, "baseline", places.entry("baselines", name), f"{name!r}: {reason}", "Guard it")
    line = places.line_of(use_case.candidates[name].build)
    if any(word in reason for word in ("str", "real number", "numeric", "could not convert")):
        do = "Give it numbers with only=, or put an encoder before it: ('text' features) OneHotEncoder()"
        return _finding(places, "text", line, f"candidate {name!r} cannot take text features: {reason}", do)
    return _finding(places, "candidate", line, f"candidate {name!r} is suspended: {reason}", "Correct the model")


def _finding(places: Places, rule: str, line: int, words: str, do: str) -> Finding:
    return Finding(rule=rule, file=places.path, line=line, words=words, do=do)


def _in_order(found: list[Finding]) -> list[Finding]:
    return sorted(found, key=lambda it: (it.level != "wrong", it.line, it.words))

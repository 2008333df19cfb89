"""What is known of River's models to go wrong: seeds from the system, sizes that change, leaves that cannot read text."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, NamedTuple

from millrace.checking.findings import Finding
from millrace.checking.places import Places
from millrace.domain.tasks import Classification
from millrace.domain.usecase import AnyUseCase, Candidate, Features

SAFE_PERIOD = 10**9
"""Events between two measurements of a tree's size from which on it counts as switched off."""


class Built(NamedTuple):
    """A candidate's model, and what is wrong with it as it stands."""

    model: Any
    findings: list[Finding]


def built(use_case: AnyUseCase, places: Places, name: str, features: Features) -> Built:
    """Build a candidate's model and look for River's traps in it."""
    candidate = use_case.candidates[name]
    line = places.line_of(candidate.build)
    file = places.path

    def wrong(rule: str, words: str, do: str, at: int = line) -> Finding:
        return Finding(rule=rule, file=file, line=at, words=f"candidate {name!r} {words}", do=do)

    unknown = [
        wrong("unknown-feature", f"asks for feature {it!r}, which features() does not make", _among(features), at)
        for it, at in _asked(candidate, places, name)
        if it not in features
    ]
    try:
        model = candidate.build()
    except Exception as error:  # noqa: BLE001 - an author's code may raise anything; that is what is told
        said = f"cannot be built: {type(error).__name__}: {error}"
        return Built(None, [*unknown, wrong("candidate", said, "Correct the function that builds it")])
    verb = "predict_proba_one" if isinstance(use_case.task, Classification) else "predict_one"
    lacks = [it for it in ("learn_one", verb) if not hasattr(model, it)]
    if lacks:
        said = f"is a {type(model).__name__} without {lacks[0]}"
        return Built(None, [*unknown, wrong("candidate", said, f"A {use_case.task.name} needs learn_one and {verb}")])
    seen = features if candidate.only is None else {it: features[it] for it in candidate.only if it in features}
    traps = [wrong(*trap) for part in parts(model) for trap in _traps(part, seen)]
    return Built(model, unknown + list({it.words: it for it in traps}.values()))


def _asked(candidate: Candidate, places: Places, name: str) -> Iterator[tuple[str, int]]:
    line = places.entry("candidates", name)
    yield from ((it, line) for it in candidate.only or ())
    if candidate.on_residual_of is not None:
        yield candidate.on_residual_of, line


def parts(model: Any) -> Iterator[Any]:
    """Yield an estimator and those inside it: steps of a pipeline, members of an ensemble, what a wrapper wraps."""
    waiting, met = [model], set()
    while waiting:
        part = waiting.pop()
        if id(part) in met or not type(part).__module__.startswith("river."):
            continue
        met.add(id(part))
        yield part
        for value in getattr(part, "__dict__", {}).values():
            inside = (
                value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else (value,)
            )
            waiting.extend(inside)
        waiting.extend(getattr(part, "data", ()) if isinstance(getattr(part, "data", None), list) else ())


def _traps(part: Any, seen: Features) -> Iterator[tuple[str, str, str]]:
    kind = type(part).__name__
    takes = inspect.signature(type(part).__init__).parameters
    if "seed" in takes and getattr(part, "seed", 0) is None:
        yield "seed", f"has a {kind} with seed=None, so it differs in every run", f"Say {kind}(…, seed=7)"
    period = getattr(part, "memory_estimate_period", None)
    if period is not None and period < SAFE_PERIOD and "memory_estimate_period" in takes:
        words = f"has a {kind} that measures its size every {period:,} events; a restored one measures otherwise"
        yield "memory", words, "Say memory_estimate_period=10**12, and bound it with max_depth"
    texts = [name for name, value in seen.items() if isinstance(value, str)]
    leaf = getattr(part, "leaf_prediction", "mean")
    if texts and kind in ("HoeffdingAdaptiveTreeRegressor", "ARFRegressor") and leaf != "mean":
        words = f"has a {kind} whose leaves are linear models, and feature {texts[0]!r} is text"
        yield "text-in-leaf", words, "Say leaf_prediction='mean', or give it numbers with only="


def _among(features: Features) -> str:
    return f"Name one of: {', '.join(features)}"

"""What is asked: a number, a class, or groups; and when the truth about it is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Generic, Literal, TypeVar

from millrace.domain.errors import UseCaseError
from millrace.domain.facts import Label
from millrace.domain.metrics import Ranked
from millrace.domain.times import Micros, span

L = TypeVar("L", bound=Label)


class Truth(Generic[L]):
    """When and how the truth comes.

    `patience` is how long after an event its label is waited for. `release="when_known"` settles a label as soon as it
    is known; `"at_horizon"` holds every label of an event until `horizon` (by default the patience) has passed, so that
    labels known early do not arrive class by class. `if_missing` says what no label means: nothing, or that the answer is no
    (of a classification); a label that comes after that is late and counted, not learnt.

    Silence that means no is remembered as any other label: profiles get one that has its event's values in the fields both
    have, `False` in yes-or-no fields, and the rest by default.
    """

    def __init__(
        self,
        label: type[L],
        *,
        patience: str,
        release: Literal["when_known", "at_horizon"] = "when_known",
        horizon: str | None = None,
        if_missing: Literal["unknown", "negative"] = "unknown",
    ) -> None:
        self.label = label
        self.patience: Micros = span(patience)
        self.release = release
        self.horizon: Micros = span(horizon) if horizon else self.patience
        self.if_missing = if_missing
        if if_missing == "negative" and release == "at_horizon" and self.horizon < self.patience:
            raise UseCaseError(
                f"with the horizon {horizon} before the patience {patience} ends, every yes would be learnt before any no: "
                f"leave the horizon out"
            )
        if self.horizon > self.patience:
            raise UseCaseError(
                f"horizon {horizon} is longer than the patience {patience}: nothing would be left to release"
            )


class Regression(Generic[L]):
    """Ask for a number. `target` reads it from the label; `None` means there will be no truth.

    `interval` is a share of truths, as 0.8: a rehearsal then states for each prediction an interval that is to hold so
    many, and reports how many it held.
    """

    name: Literal["regression"] = "regression"

    def __init__(
        self, *, target: Callable[[L], float | None], truth: Truth[L], unit: str = "", interval: float | None = None
    ) -> None:
        if interval is not None and not 0 < interval < 1:
            raise UseCaseError(f"an interval holds a share of the truths between 0 and 1, as 0.8, not {interval}")
        self.interval = interval
        self.target = target
        self.truth = truth
        self.unit = unit


class Classification(Generic[L]):
    """Ask yes or no. `target` reads it from the label; an answer is the probability of yes.

    `act_at` is the probability from which one acts; `costs` are those of a miss and of a false alarm. `metric` is what
    competitors are ranked by: average precision unless told otherwise, which tells them apart where yes is rare.
    """

    name: Literal["classification"] = "classification"
    unit = "probability"

    def __init__(
        self,
        *,
        target: Callable[[L], bool | None],
        truth: Truth[L],
        act_at: float = 0.5,
        costs: tuple[float, float] = (1.0, 1.0),
        metric: Ranked = "average_precision",
    ) -> None:
        self.target = target
        self.truth = truth
        self.act_at = act_at
        self.costs = costs
        self.metric = metric


class Clustering(Generic[L]):
    """Ask for groups. A model learns from every event at once; there is no label to wait for.

    `describe` words the features that may describe a group: `{"views": "pages seen"}` reads "many pages seen" or "few pages
    seen"; two words with a slash before it are taken instead of few and many: `{"dwell": "short/long dwell"}`.
    `truth_for_scoring` says when the true group of an event becomes known, and `target` reads its name from the label: it
    scores, and is never learnt. A group with less than `smallest` of the events is noise.
    """

    name: Literal["clustering"] = "clustering"
    unit = "cluster"

    def __init__(
        self,
        *,
        describe: Mapping[str, str],
        truth_for_scoring: Truth[L] | None = None,
        target: Callable[[L], str | None] | None = None,
        smallest: float = 0.01,
    ) -> None:
        if (truth_for_scoring is None) != (target is None):
            raise UseCaseError(
                "Clustering takes truth_for_scoring=Truth(…) and target=lambda label: label.kind together, or neither"
            )
        if not 0 <= smallest < 1:
            raise UseCaseError(f"smallest is the share of events below which a group is noise, 0 to 1, not {smallest}")
        self.describe = dict(describe)
        self.truth = truth_for_scoring
        self.target: Callable[[L], str | None] = target or _nobody_knows
        self.smallest = smallest


def _nobody_knows(_label: object) -> None:
    return None


Task = Regression[L] | Classification[L] | Clustering[L]

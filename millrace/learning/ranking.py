"""How well probabilities rank: average precision, ROC AUC and what the highest per cent holds.

`Ranking` keeps counts of yes and no by score in bins that are even in the logit, so that small probabilities are told
apart as finely as middling ones: bounded memory, one dict look-up a label. `exact` is for a window, whose scores are all at hand.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

BINS_A_LOGIT = 128
"""Resolution: within a bin, odds differ by 0.8 %; a model that tells events apart by less than that is seen as not telling
them apart. Average precision and AUC come out within 0.002 of the exact ones (a test holds this)."""

FLAGGED = 0.01
"""Share of events that are flagged in `precision_at_1pct` and `recall_at_1pct`."""

Group = tuple[int, int, bool]
"""No and yes of events with about one score, and whether their scores are one and the same."""
Bin = tuple[int, int, float]
"""No, yes, and their score; -1 once there were different ones."""
_EMPTY: Bin = (0, 0, -1.0)


class Ranking:
    """Counts by score."""

    __slots__ = ("bins",)

    def __init__(self) -> None:
        self.bins: dict[int, Bin] = {}

    def add(self, logit: float, probability: float, yes: bool) -> None:
        """Count one label under the score that was foreseen."""
        where = int(logit * BINS_A_LOGIT) if logit >= 0 else int(logit * BINS_A_LOGIT) - 1
        no, yeses, score = self.bins.get(where, (0, 0, probability))
        if score != probability:
            score = -1.0
        self.bins[where] = (no, yeses + 1, score) if yes else (no + 1, yeses, score)

    def groups(self, before: Ranking | None = None) -> list[Group]:
        """Return the bins, highest score first; without what an earlier copy had counted, when one is given."""
        its = self.bins
        if before is None:
            return [(no, yes, score >= 0) for no, yes, score in map(its.__getitem__, sorted(its, reverse=True))]
        found = []
        for where in sorted(its, reverse=True):
            no, yes, score = its[where]
            no_then, yes_then, _ = before.bins.get(where, _EMPTY)
            if no > no_then or yes > yes_then:
                found.append((no - no_then, yes - yes_then, score >= 0))
        return found

    def __getstate__(self) -> dict[int, Bin]:
        return self.bins

    def __setstate__(self, state: dict[int, Bin]) -> None:
        self.bins = state


def exact(noes: Sequence[float], yeses: Sequence[float]) -> list[Group]:
    """Return the groups of exact scores, highest first, cut only where a yes lies; both are given in ascending order."""
    found: list[Group] = []
    above = len(noes)
    at = len(yeses)
    while at:
        score = yeses[at - 1]
        first = bisect_left(yeses, score, 0, at)
        higher, tied = bisect_right(noes, score, 0, above), bisect_left(noes, score, 0, above)
        if above > higher:
            found.append((above - higher, 0, True))
        found.append((higher - tied, at - first, True))
        above, at = tied, first
    return [*found, (above, 0, True)] if above else found


def ranked(groups: Sequence[Group]) -> dict[str, float]:
    """Return the ranking metrics of groups that are in order; those that need a yes or a no are left out without one."""
    noes, yeses = sum(group[0] for group in groups), sum(group[1] for group in groups)
    if not yeses:
        return {}
    caught = _caught(groups, (noes + yeses) * FLAGGED)
    found = {
        "average_precision": _average_precision(groups, yeses),
        "precision_at_1pct": caught / ((noes + yeses) * FLAGGED),
        "recall_at_1pct": caught / yeses,
    }
    return {**found, "roc_auc": _roc_auc(groups, noes, yeses)} if noes else found


def _average_precision(groups: Sequence[Group], yeses: int) -> float:
    """Return the mean precision at each yes (the area under precision by recall, in steps).

    In a group of one score all are flagged together, as anybody's definition has it. In a bin of several scores the order is
    taken as mixed: precision runs from its value at the bin's upper edge to that at the lower one (Davis & Goadrich, 2006).
    """
    total, hits, flagged = 0.0, 0, 0
    for no, yes, one_score in groups:
        if yes and one_score:
            total += yes * (hits + yes) / (flagged + no + yes)
        elif yes:
            total += _mixed(hits, flagged, yes, no + yes)
        hits += yes
        flagged += no + yes
    return total / yeses


def _mixed(hits: int, flagged: int, yes: int, size: int) -> float:
    """Return the sum of precisions at each yes of a bin, with its yes spread evenly.

    The integral over u in [0, 1] of yes * (hits + yes u) / (flagged + size u).
    """
    share = yes / size
    if not flagged:
        return yes * share
    return yes * (share + (hits - share * flagged) / size * math.log1p(size / flagged))


def _roc_auc(groups: Sequence[Group], noes: int, yeses: int) -> float:
    """Return the chance that a yes is ranked above a no, ties counting half (Hanley & McNeil, 1982)."""
    above, won = 0, 0.0
    for no, yes, _ in groups:
        won += no * (above + yes / 2)
        above += yes
    return won / (noes * yeses)


def _caught(groups: Sequence[Group], most: float) -> float:
    """Return how many yes are among the `most` highest; of the group at the edge, its share."""
    caught = 0.0
    for no, yes, _ in groups:
        if no + yes >= most:
            return caught + yes * most / (no + yes)
        caught += yes
        most -= no + yes
    return caught

"""Intervals hold the share of truths they are stated for, and nobody learns from them."""

from __future__ import annotations

import random

import msgspec
import pytest

from millrace import Regression, UseCaseError
from millrace.domain.facts import Label
from millrace.domain.usecase import AnyUseCase, Fact
from millrace.rehearsal import Report, rehearse
from millrace.rehearsal.intervals import ENOUGH, Errors
from tests.api.world import facts as parcels
from tests.api.world import parcel_delay

EVENTS = 6_000


def asked(interval: float | None) -> AnyUseCase:
    """Return the use case of parcels, with an interval asked for."""
    task = parcel_delay.task
    parcel_delay_twin = parcel_delay.under("twin.")
    parcel_delay_twin.task = Regression(target=task.target, truth=task.truth, unit="min", interval=interval)
    return parcel_delay_twin


def stream() -> list[Fact]:
    pairs = [pair for pair, _ in zip(parcels(), range(EVENTS), strict=False)]
    return sorted(
        (it for pair in pairs for it in pair), key=lambda it: it.known_at if isinstance(it, Label) else it.occurred_at
    )


def rehearsed(interval: float | None) -> Report:
    return rehearse(asked(interval), stream())


@pytest.mark.parametrize("share", [0.5, 0.8, 0.95])
def test_the_share_that_was_stated_is_held_where_errors_change(share: float) -> None:
    """Errors that grow fivefold half way, and are skewed, are followed; over all the share is right to a hundredth."""
    chance, errors = random.Random(3), Errors(share)
    for number in range(20_000):
        error = chance.expovariate(1.0) * (1 if number < 10_000 else 5)
        if bounds := errors.bounds():
            errors.judge(*bounds, error)
        errors.note(error)
    found = errors.report()
    assert found is not None
    assert (found.stated, found.labels) == (share, 20_000 - ENOUGH)
    assert abs(found.coverage - share) < 0.01
    assert abs(found.recent - share) < 0.05


def test_a_rehearsal_reports_them_where_the_task_asks() -> None:
    """Every candidate has its own, beside the share that was asked for; they stand in the JSON."""
    report = msgspec.to_builtins(rehearsed(0.8))
    assert list(report["intervals"]) == list(parcel_delay.candidates)
    found = report["intervals"]["linear"]
    assert found["stated"] == 0.8
    assert 0.77 < found["coverage"] < 0.83
    assert found["width"] > 0


def test_the_state_is_the_same_with_and_without_them() -> None:
    """They look on only: the digest and the scores stay."""
    with_, without = rehearsed(0.8), rehearsed(None)
    assert without.intervals == {}
    assert (with_.digest, with_.candidates) == (without.digest, without.candidates)


def test_only_a_share_is_an_interval() -> None:
    """80 is no share."""
    with pytest.raises(UseCaseError, match=r"between 0 and 1, as 0\.8, not 80"):
        asked(80)

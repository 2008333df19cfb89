"""Profiles: what is remembered under a key, as an author declares it.

A declaration is an attribute of a `Profiles` class. On an instance the attribute is the value as of one event, so
`seen.depot` is a `float` to a reader and to the type checker. `learning.profiles` keeps the numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Literal, TypeVar, overload

import msgspec

from millrace.domain.errors import UseCaseError
from millrace.domain.fields import Location
from millrace.domain.times import Micros, span

V = TypeVar("V")

Source = str | Callable[..., float | None]
"""Where a remembered number comes from: a field's name, a function of the event, or one of the event and its label."""
By = str | tuple[str, ...] | Callable[..., object] | None
"""What a profile is kept by: a field of the event, several, a function of the event, or nothing (all together)."""
Kind = Literal[
    "decayed_mean",
    "window_count",
    "window_sum",
    "window_mean",
    "last_value",
    "seconds_since",
    "km_since",
    "first_use",
    "distinct_count",
    "session_count",
    "session_sum",
    "session_mean",
]


class ProfileSpec(msgspec.Struct, frozen=True):
    """One declared profile. `half_life` and `window` are microseconds; `alpha` is the weight of the newest value.

    `window` of what remembers the last value only is how long it is remembered; `None` is for ever. That of a session is the
    pause that ends it.
    """

    kind: Kind
    value: Source | None
    by: By
    unseen: Any
    half_life: Micros | None = None
    alpha: float | None = None
    window: Micros | None = None


class Profile(Generic[V]):
    """A declaration on the class; the value itself on an instance."""

    def __init__(self, spec: ProfileSpec) -> None:
        self.spec = spec

    @overload
    def __get__(self, seen: None, owner: type) -> Profile[V]: ...
    @overload
    def __get__(self, seen: Profiles, owner: type) -> V: ...
    def __get__(self, seen: Profiles | None, owner: type) -> Profile[V] | V:
        return self if seen is None else self.spec.unseen  # an instance's own dict comes before this


class Profiles:
    """What is remembered, as of one event. Subclass it and declare profiles as attributes."""

    @classmethod
    def specs(cls) -> dict[str, ProfileSpec]:
        """Return the declared profiles by attribute name, base classes first."""
        found: dict[str, ProfileSpec] = {}
        for base in reversed(cls.__mro__):
            found.update({name: it.spec for name, it in vars(base).items() if isinstance(it, Profile)})
        return found


def decayed_mean(
    value: Source, *, by: By = None, half_life: str | None = None, alpha: float | None = None, unseen: float
) -> Profile[float]:
    """Remember a mean in which old values fade: by time (`half_life`) or by count (`alpha`).

    Exponentially weighted moving average (Roberts, 1959). With `alpha`, the newest value weighs `alpha` and the first
    value is taken whole. With `half_life`, each value's weight halves in that time, on the stream's clock.
    """
    if (half_life is None) == (alpha is None):
        raise UseCaseError("decayed_mean takes either half_life='6h' (fading by time) or alpha=0.05 (fading by count)")
    if alpha is not None and not 0 < alpha <= 1:
        raise UseCaseError(f"alpha is the weight of the newest value, above 0 and at most 1, not {alpha}")
    life = None if half_life is None else span(half_life)
    return Profile(ProfileSpec("decayed_mean", value, by, unseen, half_life=life, alpha=alpha))


def window_count(*, by: By = None, window: str) -> Profile[int]:
    """Remember how many events there were in the last `window`, up to the event at hand and without it."""
    return Profile(ProfileSpec("window_count", None, by, 0, window=span(window)))


def window_sum(value: Source, *, by: By = None, window: str) -> Profile[float]:
    """Remember the sum of a value over the last `window`."""
    return Profile(ProfileSpec("window_sum", value, by, 0.0, window=span(window)))


def window_mean(value: Source, *, by: By = None, window: str, unseen: float) -> Profile[float]:
    """Remember the mean of a value over the last `window`; `unseen` when there is none in it."""
    return Profile(ProfileSpec("window_mean", value, by, unseen, window=span(window)))


def last_value(
    value: str | Callable[..., V | None], *, by: By = None, unseen: V, forget_after: str | None = None
) -> Profile[V]:
    """Remember the newest value; for ever, or until nothing was heard for `forget_after`."""
    window = None if forget_after is None else span(forget_after)
    return Profile(ProfileSpec("last_value", value, by, unseen, window=window))  # type: ignore[arg-type]


def seconds_since(*, by: By = None, unseen: float, forget_after: str = "90d") -> Profile[float]:
    """Remember when the last event was: the seconds from it to the event at hand."""
    return Profile(ProfileSpec("seconds_since", None, by, unseen, window=span(forget_after)))


def km_since(
    place: str | Callable[..., Location | None], *, by: By = None, unseen: float, forget_after: str = "90d"
) -> Profile[float]:
    """Remember where the last event was: the kilometres from there to the event at hand (great circle)."""
    return Profile(ProfileSpec("km_since", place, by, unseen, window=span(forget_after)))  # type: ignore[arg-type]


def first_use(value: str | Callable[..., object], *, by: By = None, forget_after: str = "90d") -> Profile[bool]:
    """Remember which values there were: whether the event at hand is the first with its value, under its key."""
    return Profile(ProfileSpec("first_use", value, by, True, window=span(forget_after)))  # type: ignore[arg-type]


def distinct_count(value: str | Callable[..., object], *, by: By = None, window: str) -> Profile[int]:
    """Remember how many different values there were in the last `window`, without the event at hand."""
    return Profile(ProfileSpec("distinct_count", value, by, 0, window=span(window)))  # type: ignore[arg-type]


def session_count(value: Source | None = None, *, by: By = None, gap: str) -> Profile[int]:
    """Remember how many events there were since the last pause of `gap` or more; with a value, only those that have one."""
    return Profile(ProfileSpec("session_count", value, by, 0, window=span(gap)))


def session_sum(value: Source, *, by: By = None, gap: str) -> Profile[float]:
    """Remember the sum of a value since the last pause of `gap` or more: a session window of the event-time kind."""
    return Profile(ProfileSpec("session_sum", value, by, 0.0, window=span(gap)))


def session_mean(value: Source, *, by: By = None, gap: str, unseen: float) -> Profile[float]:
    """Remember the mean of a value since the last pause of `gap` or more; `unseen` before the first."""
    return Profile(ProfileSpec("session_mean", value, by, unseen, window=span(gap)))

"""What no label says: where a question takes silence for no, the label that silence stands for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from millrace.domain.errors import UseCaseError
from millrace.domain.facts import Event, Label
from millrace.domain.times import EPOCH

Unsaid = Callable[[Event, datetime], Label]
"""Takes an event whose label did not come, and when its patience ran out; returns the label that stands for it."""


def unsaid(
    label: type[Label], event: type[Event], *, of: str, id_field: str, target: Callable[[Any], bool | None]
) -> Unsaid:
    """Return what makes the label that silence stands for.

    It names its event, has what event and label have in common from the event, says no in every yes-or-no field, and has the
    rest by default. Raises `UseCaseError` when a field is left that nothing is known of, or when `target` reads yes from it.
    """
    shared = [name for name in label.__struct_fields__ if name in event.__struct_fields__]
    said_no = _said_no(label, {"known_at", of, *shared})

    def made(met: Event, at: datetime) -> Label:
        given: dict[str, Any] = {name: getattr(met, name) for name in shared}
        return label(**{**said_no, **given, "known_at": at, of: getattr(met, id_field)})

    probe = label(**{**said_no, **dict.fromkeys(shared), "known_at": EPOCH, of: ""})
    if target(probe):
        raise UseCaseError(
            f"no label means no, but the target reads yes from a {label.__name__} that says no in every yes-or-no field: "
            f"give it such a field, and let the target read it"
        )
    return made


def _said_no(label: type[Label], given: set[str]) -> dict[str, Any]:
    info = msgspec.inspect.type_info(label)
    assert isinstance(info, msgspec.inspect.StructType)
    left = [field for field in info.fields if field.name not in given]
    yes_or_no = [field.name for field in left if isinstance(field.type, msgspec.inspect.BoolType)]
    unknown = [field.name for field in left if field.required and field.name not in yes_or_no]
    if unknown:
        raise UseCaseError(
            f"no label means no, but what is {unknown[0]!r} of a {label.__name__} then? Give it a default, or say "
            f"if_missing='unknown'"
        )
    return dict.fromkeys(yes_or_no, False)

"""Opens a registered version of Millrace for MLflow's `pyfunc`. It travels with the version and needs no Millrace.

`predict` takes a DataFrame of events, or with `params={"input": "features"}` one of features, and returns one with
`value`, a column a candidate, and `state_id`.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pandas as pd

if TYPE_CHECKING:
    from millrace.domain.usecase import AnyUseCase
    from millrace.learning.serving import Answer, ServingState
    from millrace.runtime.signing import PublicKeys

KEYS = "MILLRACE_PUBLIC_KEYS"


class Model:
    """One exact state. Rows that leave `occurred_at` out are taken to happen at the stream's own time."""

    def __init__(self, state: ServingState) -> None:
        self._state = state
        self._use_case: AnyUseCase = state.use_case

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Return `value` (the champion's), one column a candidate, and `state_id`, one row a row of input.

        A candidate that cannot answer leaves its column empty (NaN). Raises `ValueError`, naming row and field, for a
        row that is no event.
        """
        kind = (params or {}).get("input", "events")
        rows = [_cells(row) for row in model_input.to_dict("records")]
        if kind == "features":
            return self._frame(model_input, [self._state.answer_features(row) for row in rows])
        if kind == "events":
            return self._frame(model_input, [self._answer(number, row) for number, row in enumerate(rows)])
        raise ValueError(f"params['input'] is 'events' or 'features', not {kind!r}")

    def _answer(self, number: int, fields: dict[str, Any]) -> Answer:
        if "occurred_at" not in fields and self._state.stream_time is not None:
            fields["occurred_at"] = self._state.stream_time
        try:
            event = msgspec.convert(fields, self._use_case.event)
        except msgspec.ValidationError as error:
            raise ValueError(f"row {number} is not an event of {self._use_case.name}: {error}") from error
        return self._state.answer(event)

    def _frame(self, rows: pd.DataFrame, answers: list[Answer]) -> pd.DataFrame:
        columns: dict[str, list[Any]] = {"value": [_number(answer.value) for answer in answers]}
        for name in self._use_case.candidates:
            columns[name] = [_number(answer.by_candidate.get(name)) for answer in answers]
        columns["state_id"] = [self._state.header.state_id] * len(answers)
        return pd.DataFrame(columns, index=rows.index)


def _load_pyfunc(path: str) -> Model:
    """Open the sealed state at a path. MLflow calls it."""
    folder = Path(path).parent
    named = json.loads((folder / "code" / "use_case.json").read_text())
    _make_importable(folder / "code" / "millrace.zip")
    usecases = importlib.import_module("millrace.usecases")
    serving = importlib.import_module("millrace.learning.serving")
    use_case = usecases.defined_in(importlib.import_module(named["module"]))
    return Model(serving.ServingState.open(use_case, Path(path).read_bytes(), _verify(folder)))


def _make_importable(carried: Path) -> None:
    """Make the carried Millrace the one that is imported, unless one is imported already.

    That one then has to do: two of them in a process would not know each other's classes. It finds the use cases of
    every version opened, and refuses a state written by another file of the same use case.
    """
    if "millrace" not in sys.modules:
        sys.path.insert(0, str(carried))
        return
    sys.path.append(str(carried))
    usecases = importlib.import_module("millrace.usecases")
    inside = str(carried / "millrace" / "usecases")
    if inside not in usecases.__path__:
        usecases.__path__.append(inside)


def _verify(folder: Path) -> Callable[[bytes, bytes], None]:
    """Return the check of a signature: against the keys the environment names, else those that came along."""
    keys: type[PublicKeys] = importlib.import_module("millrace.runtime.signing").PublicKeys
    trusted = _trusted(os.environ.get(KEYS, ""))
    if trusted:
        return keys.load(trusted).verify
    warnings.warn(
        f"{KEYS} is not set: this model's signature is checked against the key that came with it. That shows it is "
        "whole, not who made it; set the variable to the paths of the keys you trust.",
        stacklevel=2,
    )
    return keys(_pems((folder / "public-keys.pem").read_text())).verify


def _trusted(setting: str) -> list[Path]:
    """Read the setting as Millrace's own services do: a JSON list of paths; a single path will do as well."""
    if not setting.strip():
        return []
    return [Path(path) for path in (json.loads(setting) if setting.lstrip().startswith("[") else [setting])]


def _pems(text: str) -> list[bytes]:
    end = "-----END PUBLIC KEY-----"
    return [f"{pem.strip()}\n{end}\n".encode() for pem in text.split(end) if pem.strip()]


def _cells(row: dict[Any, Any]) -> dict[str, Any]:
    """Return a row's cells by column, without the empty ones."""
    return {str(name): _plain(it) for name, it in row.items() if not (pd.api.types.is_scalar(it) and pd.isna(it))}


def _plain(value: Any) -> Any:
    """Return a cell as the plain Python value an event holds; a time without a zone is taken as UTC."""
    if isinstance(value, pd.Timestamp):
        value = value.to_pydatetime(warn=False)
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value
    return value.item() if hasattr(value, "item") else value


def _number(value: float | None) -> float:
    return float("nan") if value is None else value

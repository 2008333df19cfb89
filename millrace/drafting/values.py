"""What a column's values are: numbers, yes or no, times and how they are written, or just text."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from millrace.domain.sources import MISSING

Kind = Literal["time", "number", "whole", "yes-no", "text"]

YES_NO = ({"yes", "no"}, {"y", "n"}, {"true", "false"}, {"t", "f"})
TRUE = ("yes", "y", "true", "t")
DAYS = (
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d.%m.%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%d %b %Y",
    "%d-%b-%Y",
    "%b %d, %Y",
    "%b-%d-%Y",
    "%d/%m/%y",
    "%m/%d/%y",
    "%d-%b-%y",
)
HOURS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
FORMS = (*(f"{day}{hour}" for day in DAYS for hour in HOURS), "%Y-%m", "%Y/%m", "%Y-%b", "%b %Y", "%m/%Y")
"""How texts that are no ISO times are written, as `strptime` names it."""
SINCE_1970 = {"s": (10**9, 2 * 10**9), "ms": (10**12, 2 * 10**12), "us": (10**15, 2 * 10**15)}
MOST = 0.95
"""Share of a column's values that must read as a time for it to be one."""
TRIED, FIRST = 2_000, 25
"""Different values that are tried as times, and the first of them, which decide whether the others are."""

_WHOLE = re.compile(r"[+-]?\d+")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_OF_TIME = re.compile(r"(?i:time|date|stamp|when|(^|[_.])(ts|at|ts_ms)$)|[a-z]At$")


def is_nothing(value: Any) -> bool:
    """Tell whether a value stands for nothing; only NaN is not itself."""
    return value is None or value != value or (isinstance(value, str) and value in MISSING)


def is_number(value: Any) -> bool:
    """Tell whether a value is a number, or a text that is one."""
    if isinstance(value, str):
        return _NUMBER.fullmatch(value) is not None
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def kind_of(name: str, known: Sequence[Any]) -> Kind:
    """Return what a column's known values are."""
    if not known:
        return "text"
    if all(isinstance(it, bool) for it in known) or {str(it).lower() for it in known[:1_000]} in YES_NO:
        return "yes-no"
    if all(isinstance(it, date) for it in known) or forms_of(name, known):
        return "time"
    if all(is_number(it) for it in known) and not any(_is_code(it) for it in known):
        return "whole" if all(_is_whole(it) for it in known) else "number"
    return "text"


def _is_code(value: Any) -> bool:
    """Tell whether digits are a name: a number does not begin with a nought."""
    return isinstance(value, str) and len(value) > 1 and value[0] == "0" and value.isdigit()


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) or (isinstance(value, str) and _WHOLE.fullmatch(value) is not None)


def forms_of(name: str, known: Sequence[Any]) -> list[str]:
    """Return how a column's values are written as times, as `Time` names it; several when a day could be a month."""
    if isinstance(known[0], date):
        return ["iso"]
    texts = list(dict.fromkeys(str(it) for it in known))[:TRIED]
    if all(it.isdigit() for it in texts[:FIRST]):
        return _of_digits(name, texts)
    return [form for form in ("iso", *FORMS) if _reads(form, texts[:FIRST]) and _reads(form, texts)]


def _of_digits(name: str, texts: Sequence[str]) -> list[str]:
    """Return the forms of numbers that are times: a day in eight digits, or what a name says is counted since 1970."""
    if all(len(it) == len("20260101") and it[:2] in ("18", "19", "20") for it in texts):
        return ["%Y%m%d"] if _reads("%Y%m%d", texts) else []
    if re.fullmatch(r"year|yr", name, re.IGNORECASE):
        return ["%Y"] if all(len(it) == len("2026") for it in texts) else []
    if not _OF_TIME.search(name):
        return []
    return [
        form for form, (low, high) in SINCE_1970.items() if all(it.isdigit() and low <= int(it) < high for it in texts)
    ]


def _reads(form: str, texts: Sequence[str]) -> bool:
    read: Callable[[str], datetime] = datetime.fromisoformat
    if form != "iso":
        read = lambda text: datetime.strptime(text, form)  # noqa: DTZ007, E731 - only whether it reads is asked
    return sum(_is_read(read, it) for it in texts) >= MOST * len(texts)


def _is_read(read: Callable[[str], datetime], text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True

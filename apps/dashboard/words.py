"""Numbers, times and names as a reader wants them."""

from __future__ import annotations

from datetime import UTC, datetime

from millrace.domain.metrics import IN_THE_TARGETS_UNIT, higher_is_better

METRICS = {
    "adjusted_rand": "Adjusted Rand",
    "brier": "Brier score",
    "ece": "Calibration error",
    "log_loss": "Log loss",
    "mae": "MAE",
    "precision_at_1pct": "Precision at 1 %",
    "r2": "R²",
    "recall_at_1pct": "Recall at 1 %",
    "rmse": "RMSE",
    "roc_auc": "ROC AUC",
    "v_measure": "V-measure",
}
NOTHING = "–"


def number(value: float | None, *, like: float | None = None) -> str:
    """Write a number with as many places as it deserves, about four digits, or as many as another beside it has.

    >>> number(1234.5), number(12.345), number(0.01234), number(-3.0), number(None), number(0.2, like=9.0)
    ('1,234', '12.35', '0.0123', '−3.00', '–', '0.20')
    """
    if value is None or value != value:
        return NOTHING
    size = abs(value if like is None else like)
    places = 0 if size >= 1000 else 1 if size >= 100 else 2 if size >= 1 or size == 0 else 4
    return f"{value:,.{places}f}".replace("-", "−")


def short(value: float) -> str:
    """Write a number to two places below ten and to one above, without zeros that say nothing.

    >>> short(0.016), short(1.0), short(35.43), short(-1234.0)
    ('0.02', '1', '35.4', '−1,234')
    """
    text = f"{value:,.2f}" if abs(value) < 10 else f"{value:,.1f}"
    return text.rstrip("0").rstrip(".").replace("-", "−")


def change(value: float | None, *, like: float | None = None) -> str:
    """Write a difference with its sign.

    >>> change(0.5), change(-2.25)
    ('+0.5000', '−2.25')
    """
    return ("+" if value is not None and value > 0 else "") + number(value, like=like)


def quantity(value: float | None, unit: str) -> tuple[str, str]:
    """Write an answer and its unit; a probability reads as per cent, a cluster by its id. Numbers of a unit share places.

    >>> quantity(0.8312, "probability"), quantity(12.0, "min"), quantity(3.0, "cluster"), quantity(-1.0, "cluster")
    (('83.1', '%'), ('12.00', 'min'), ('Cluster 3', ''), ('None', ''))
    """
    if unit == "cluster" and value is not None:
        return f"Cluster {value:.0f}" if value >= 0 else "None", ""
    if unit == "probability" and value is not None:
        return f"{value * 100:.1f}", "%"
    small = value is not None and abs(value) < 100
    return number(value, like=1.0 if unit and small else None), "" if unit == "probability" else unit


def metric(name: str) -> str:
    """Write a metric's name."""
    return METRICS.get(name, name.replace("_", " ").capitalize())


def metric_unit(name: str, unit: str) -> str:
    """Return the unit a metric is in: the target's own for errors, none for shares and losses."""
    return unit if name in IN_THE_TARGETS_UNIT else ""


def better(metric_name: str, one: float, other: float) -> float:
    """Return by which share of the other `one` is better than it; below 0, it is worse.

    >>> better("mae", 9.0, 10.0), better("accuracy", 0.9, 0.8) > 0
    (0.1, True)
    """
    if not other:
        return 0.0
    gain = one - other if higher_is_better(metric_name) else other - one
    return gain / abs(other)


def title(name: str) -> str:
    """Make a field's or feature's name readable.

    >>> title("departure_delay")
    'Departure delay'
    """
    return name.replace("_", " ").strip().capitalize()


def parse(text: str | None) -> datetime | None:
    """Read RFC 3339, or return nothing."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def moment(text: str | None) -> str:
    """Write an RFC 3339 time to the second.

    >>> moment("2013-01-02T03:04:05.678Z")
    '2013-01-02 03:04:05'
    """
    at = parse(text)
    return at.strftime("%Y-%m-%d %H:%M:%S") if at else NOTHING


def minute(text: str | None) -> str:
    """Write an RFC 3339 time to the minute."""
    at = parse(text)
    return at.strftime("%Y-%m-%d %H:%M") if at else NOTHING


def milliseconds(text: str) -> int:
    """Return an RFC 3339 time as milliseconds since 1970, as charts want it; 0 if it is none."""
    at = parse(text)
    return int(at.timestamp() * 1000) if at else 0


def ago(seconds: float) -> str:
    """Say how long ago something was, coarsely enough not to flicker.

    >>> ago(1.2), ago(42), ago(61), ago(7300), ago(200_000)
    ('just now', '40 s ago', '1 min ago', '2 h ago', '2 d ago')
    """
    if seconds < 5:
        return "just now"
    if seconds < 60:
        return f"{int(seconds) // 5 * 5} s ago"
    for size, word in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {word} ago"
    return NOTHING


def state(state_id: str | None, use_case: str) -> str:
    """Shorten a state id on a page that names its use case anyway.

    >>> state("parcel-delay.0.1.4711~3", "parcel-delay")
    '0.1.4711~3'
    """
    return (state_id or NOTHING).removeprefix(f"{use_case}.")

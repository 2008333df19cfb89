"""The dashboards, one module each."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from observability.dashboards import kafka, kubernetes, learner, overview, serving, storage
from observability.panels import written

BOARDS = [it.DASHBOARD for it in (overview, learner, serving, kafka, kubernetes, storage)]
"""All of them."""

DASHBOARDS: dict[str, Callable[[], str]] = {board.uid: partial(written, board) for board in BOARDS}
"""What makes each, as JSON, by its file's name."""

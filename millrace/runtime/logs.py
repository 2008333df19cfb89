"""Logs: one event a line; JSON when nobody watches, colours when somebody does."""

from __future__ import annotations

import logging
import sys

import structlog


def configure(part: str, *, debug: bool = False) -> None:
    """Set up logging for one part. The libraries' own logs are kept to warnings."""
    level = logging.DEBUG if debug else logging.INFO
    watched = sys.stderr.isatty()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer() if watched else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )
    structlog.contextvars.bind_contextvars(part=part)

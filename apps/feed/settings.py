"""What the feed is told."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from millrace.runtime.settings import Connections


class FeedSettings(Connections):
    """Settings of one feed. It keeps nothing of its own: its views are rebuilt from the log at every start."""

    use_cases: Annotated[list[str], NoDecode] = Field(
        default_factory=list, description="Use cases to answer for, with commas between; by default all there are."
    )
    feed_host: str = Field("127.0.0.1", description="Address of /livez, /readyz and /metrics.")
    feed_port: int = Field(8030, ge=0, le=65535, description="Port of /livez, /readyz and /metrics.")
    feed_records: int = Field(
        10_000, ge=1, description="Newest records of each partition that live views are rebuilt from at a start."
    )
    feed_interval: float = Field(1.0, gt=0, description="Seconds between two writes of live views.")
    feed_minutes: int = Field(60, ge=1, description="Windows of a minute that live views keep.")
    feed_hours: int = Field(48, ge=1, description="Windows of an hour that live views keep.")
    feed_segments: int = Field(
        200, ge=1, description="Segments counted apart in each window, those met first; the rest are counted together."
    )
    feed_segments_shown: int = Field(10, ge=1, description="Segments shown of each window, those with most answers.")
    feed_remembered: int = Field(
        50_000, ge=1, description="Newest answers remembered for their truth, and truths for their answer."
    )
    feed_newest: int = Field(20, ge=1, description="Newest answers and truths shown.")

    @field_validator("use_cases", mode="before")
    @classmethod
    def _split(cls, given: object) -> object:
        """Read `a,b` as a list."""
        return [name.strip() for name in given.split(",") if name.strip()] if isinstance(given, str) else given

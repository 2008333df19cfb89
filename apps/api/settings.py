"""What the API is told."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from millrace.runtime.settings import Connections


class ApiSettings(Connections):
    """Settings of one API replica. It keeps nothing of its own: any number of them may run."""

    api_host: str = Field("127.0.0.1", description="Address the API is served on.")
    api_port: int = Field(8080, ge=0, le=65535, description="Port the API is served on.")
    use_cases: Annotated[list[str], NoDecode] = Field(
        default_factory=list, description="Use cases to answer for, with commas between; by default all there are."
    )
    serve_from: Literal["live", "registered"] = Field(
        "live", description="Answer from live snapshots, or from the registered version that the alias names."
    )
    alias: str = Field("champion", min_length=1, description="Alias of the registered version to serve.")
    measured: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description="Addresses (URL, URL, …) of parts whose /metrics have the figures of /v1/health: the trainers.",
    )
    shard: int = Field(0, ge=0, description="The shard whose snapshots are served.")
    live_poll: float = Field(0.25, gt=0, description="Seconds between two looks for a newer snapshot.")
    registry_poll: float = Field(2.0, gt=0, description="Seconds between two looks at the alias.")
    live_patience: float = Field(
        3.0, ge=0, description="Seconds the online store may be away or empty before the registered version takes over."
    )
    versions_held: int = Field(4, ge=1, description="Registered versions kept in memory for those who ask for them.")
    predictions_kept: int = Field(1_000, ge=1, description="Newest predictions kept to show, a partition.")
    scorecards_kept: int = Field(4_000, ge=2, description="Scorecards kept to show; beyond it, every second one.")
    alarms_kept: int = Field(1_000, ge=1, description="Newest drift alarms kept to show.")
    labels_kept: int = Field(50_000, ge=1, description="Labels kept that wait for their prediction to be shown.")
    stream_kept: int = Field(
        2_000, ge=1, description="Newest predictions, and as many truths, kept for streams that go on where they were."
    )
    max_streams: int = Field(
        256, ge=1, description="Streams served at a time, of all use cases; more are refused with 429."
    )
    stream_heartbeat: float = Field(15.0, gt=0, description="Seconds of silence after which a stream says it is alive.")
    stream_patience: float = Field(
        10.0, gt=0, description="Seconds a stream's client may take nothing until it is cut off."
    )
    max_body: int = Field(65_536, ge=1, description="Largest body of a request, in bytes.")
    max_in_flight: int = Field(64, ge=1, description="Requests answered at a time; more are shed with 429.")
    max_connections: int = Field(4_096, ge=1, description="Connections held; more are closed at once.")
    body_timeout: float = Field(5.0, gt=0, description="Seconds a client has to send a request's body.")
    head_timeout: float = Field(10.0, gt=0, description="Seconds a client has to send a request's head.")
    answer_timeout: float = Field(10.0, gt=0, description="Seconds until a request is given up.")

    @field_validator("use_cases", "measured", mode="before")
    @classmethod
    def _split(cls, given: object) -> object:
        """Read `a,b` as a list."""
        return [name.strip() for name in given.split(",") if name.strip()] if isinstance(given, str) else given

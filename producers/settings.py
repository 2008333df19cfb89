"""What a producer is told."""

from __future__ import annotations

from pydantic import Field

from millrace.runtime.settings import Connections


class ProducerSettings(Connections):
    """Settings of one producer: one use case's recorded source, replayed, or its simulator, played."""

    use_case: str = Field(description="The use case whose recorded source is replayed, or whose simulator is played.")
    shard: int = Field(0, ge=0, description="The shard whose trainer learns what is sent.")
    speed: float = Field(
        3600.0, ge=0, description="Seconds of the stream in one second; 0 is as fast as the log takes it."
    )
    events_per_second: float | None = Field(
        None, gt=0, description="Simulated streams: so many events a second on average, instead of a speed."
    )
    simulation_seed: int | None = Field(
        None, description="Simulated streams: which one; by default the use case's seed."
    )
    malformed_share: float = Field(
        0.001, ge=0, le=0.1, description="Simulated streams: share of events that are followed by a malformed record."
    )
    limit: int | None = Field(None, ge=1, description="Facts to replay, from the first; by default all.")
    partitions: int = Field(
        1, ge=1, description="Partitions of topics that this producer makes; existing ones stay as they are."
    )
    producer_host: str = Field("127.0.0.1", description="Address of /livez, /readyz and /metrics.")
    producer_port: int = Field(8020, ge=0, le=65535, description="Port of /livez, /readyz and /metrics.")

"""What the trainer is told."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from millrace.runtime.settings import Connections


class TrainerSettings(Connections):
    """Settings of one trainer: one use case, one shard."""

    use_case: str = Field(description="The use case to learn.")
    shard: int = Field(0, ge=0, description="The shard to own.")
    trainer_host: str = Field("127.0.0.1", description="Address of /livez, /readyz and /metrics.")
    trainer_port: int = Field(8010, ge=0, le=65535, description="Port of /livez, /readyz and /metrics.")
    checkpoint_interval: float = Field(30.0, gt=0, description="Seconds between two checkpoints.")
    registration_interval: float = Field(300.0, gt=0, description="Seconds between two registrations in MLflow.")
    checkpoints_kept: int = Field(
        20, ge=2, description="Newest checkpoints kept, besides those of registered versions."
    )
    versions_kept: int = Field(
        20, ge=1, description="Newest model versions kept, besides those promoted or named by an alias."
    )
    snapshot_interval: float = Field(1.0, gt=0, description="Least seconds between two snapshots for serving.")
    snapshot_share: float = Field(
        0.03, gt=0, le=1, description="Greatest share of the trainer's time that snapshots may take."
    )
    slice_seconds: float = Field(0.1, gt=0, description="Longest time to learn without looking up.")
    batch_seconds: float = Field(0.15, gt=0, description="How long learning one batch should take while catching up.")
    batch_records: int = Field(1_500, ge=1, description="Most records of one batch.")
    idle_timeout: float = Field(0.2, gt=0, description="Seconds to wait for a partition that is at its end.")
    signing_key: Path | None = Field(
        None, description="Ed25519 private key (PEM); by default one is made under the home folder."
    )
    new_epoch: bool = Field(False, description="Begin a new epoch where the old history cannot go on.")

    def private_key(self) -> Path:
        """Return the private key's file."""
        return self.signing_key or self.home / "keys" / "trainer.key"

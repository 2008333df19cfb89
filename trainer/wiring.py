"""Puts a trainer together from its settings: real log, stores and registry."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from millrace.adapters.bus.kafka import KafkaBus
from millrace.adapters.bus.port import Bus, TopicPartition
from millrace.adapters.checkpoints.port import ObjectStore
from millrace.adapters.online.port import OnlineStore
from millrace.adapters.registry.port import Registry
from millrace.adapters.schemas.table import schemas_of
from millrace.domain.usecase import AnyUseCase
from millrace.runtime.settings import Connections
from millrace.runtime.signing import PublicKeys, Signer
from trainer.checkpointing import Checkpointing
from trainer.history import Checkpoints
from trainer.journal import Journal
from trainer.opening import Opening
from trainer.registration import Registrations
from trainer.settings import TrainerSettings
from trainer.snapshots import Snapshots
from trainer.training import Outlets, Training

PATIENCE = 30.0
EMBEDDED_PATIENCE = 6.0
"""Seconds to wait for the log. The embedded one is on this machine: when it does not answer it is gone for good."""


class Services(NamedTuple):
    """What a trainer stands on."""

    bus: Bus
    store: ObjectStore
    online: OnlineStore
    registry: Registry

    async def close(self) -> None:
        """Let go of all of them."""
        for each in self:
            await each.close()


def log_of(connections: Connections, client_id: str) -> KafkaBus:
    """Return a client of the log; an address file is read anew at every connection."""
    patience = EMBEDDED_PATIENCE if connections.embedded_log else PATIENCE
    return KafkaBus.of(connections, client_id, patience)


def services(settings: TrainerSettings) -> Services:
    """Connect to log, object store, online store and registry."""
    from millrace.adapters.checkpoints.s3 import open_store
    from millrace.adapters.online.redis import RedisOnlineStore
    from millrace.adapters.registry.mlflow import MlflowRegistry

    artifacts = open_store(settings, settings.artifacts_bucket)
    return Services(
        log_of(settings, f"millrace-trainer-{Path(settings.use_case).stem}-{settings.shard}"),
        open_store(settings, settings.checkpoints_bucket),
        RedisOnlineStore(settings.redis),
        MlflowRegistry(settings.mlflow, artifacts, public_keys=settings.trusted_keys()),
    )


async def open_training(settings: TrainerSettings, use_case: AnyUseCase, on: Services) -> tuple[Training, Outlets, str]:
    """Take up the shard; return its training, where its states go, and what happened, in words."""
    signer = Signer.load_or_create(settings.private_key())
    keys = PublicKeys.load([settings.private_key().with_suffix(".pub"), *settings.public_keys])
    checkpoints = Checkpoints(use_case, settings.shard, on.store, keys.verify)
    schemas = schemas_of(settings, use_case, on.store)
    opened = await Opening(settings, use_case, on.bus, checkpoints, schemas).open()
    outlets = Outlets(
        Checkpointing(
            on.store,
            checkpoints.index,
            signer.sign,
            interval=settings.checkpoint_interval,
            kept=settings.checkpoints_kept,
            horizon=Journal(on.bus, use_case, settings.shard).first,
        ),
        Snapshots(on.online, signer.sign, interval=settings.snapshot_interval, share=settings.snapshot_share),
        Registrations(on.registry, use_case, interval=settings.registration_interval, kept=settings.versions_kept),
    )
    commands = TopicPartition(use_case.topic("commands"), settings.shard)
    start = opened.shard.positions.get(commands)
    if start is None:
        start = (await on.bus.beginning([commands]))[commands]
    training = Training(settings, on.bus, opened, outlets, await on.bus.reader({commands: start}))
    return training, outlets, opened.said

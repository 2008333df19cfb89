"""`millrace run trainer`."""

from __future__ import annotations

from millrace.runtime.determinism import fix_hash_seed


def run() -> None:
    """Run the trainer until SIGTERM."""
    fix_hash_seed()
    from millrace.runtime import worker
    from millrace.runtime.health import Health
    from millrace.usecases import find
    from trainer.service import Trainer
    from trainer.settings import TrainerSettings

    settings = TrainerSettings()
    health = Health()
    use_case = find(settings.use_case).under(settings.topic_prefix)
    service = Trainer(settings, use_case, health)
    worker.run(service, health, part="trainer", host=settings.trainer_host, port=settings.trainer_port)


if __name__ == "__main__":
    run()

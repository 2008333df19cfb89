"""FAILURES.md 1, on real Kafka: SIGKILL of the trainer at random moments."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from pyarrow import parquet

from millrace.runtime.embedded.stack import Stack
from tests.drills.platform import USE_CASE, Platform
from tests.kafka import real_kafka

KILLS = int(os.environ.get("MILLRACE_DRILL_KILLS", "4"))
FACTS = 12_000


@pytest.mark.kafka
@pytest.mark.timeout(600)
def test_a_killed_trainer_loses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    """Each event's prediction is readable exactly once under read_committed, and the whole chain verifies."""
    rng = random.Random(5)
    with real_kafka(tmp_path / "kafka") as broker, Stack(broker.address, tmp_path) as stack:
        platform = Platform(stack, tmp_path)
        try:
            platform.start("producer", SPEED=15_000, LIMIT=FACTS)
            for _ in range(KILLS):
                platform.start("trainer")
                platform.wait(lambda line: line["events"] > 0)
                time.sleep(rng.uniform(0.0, 3.0))
                platform.kill("trainer")
            platform.start("trainer")
            events = wait_for_all(platform)
            assert set(events.values()) == {1}
            assert platform.predictions() == events
            audit = rebuild(platform, "--audit")
            assert audit["matches"], audit
            assert audit["entries"] > 2 * KILLS
            assert platform.stop("trainer") == 0
            features = exported(platform, "features", tmp_path)
            assert features == exported(platform, "predictions", tmp_path)
            assert len(features) == len(events)
        finally:
            platform.stop_all()


def wait_for_all(platform: Platform) -> dict[str, int]:
    """Wait until every fact was sent and every event met; return the events."""
    deadline = time.monotonic() + 200
    while True:
        sent = platform.events()
        if len(sent) > FACTS * 0.45 and platform.shard().get("events") == len(sent) and platform.shard()["lag"] == 0:
            time.sleep(3)
            if len(platform.events()) == len(sent):
                return sent
        assert time.monotonic() < deadline, (len(sent), platform.shard(), platform.output("producer")[-1000:])
        time.sleep(1)


def exported(platform: Platform, what: str, folder: Path) -> dict[str, tuple[str, float]]:
    """Run `millrace export`; return each prediction's state id and value, by event."""
    to = folder / f"{what}.parquet"
    command = [sys.executable, "-m", "millrace.cli", "export", what, USE_CASE, "--to", str(to)]
    ran = subprocess.run(command, env=platform.env(), capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return {it["event_id"]: (it["state_id"], it["value"]) for it in parquet.read_table(to).to_pylist()}


def rebuild(platform: Platform, *options: str) -> dict[str, object]:
    """Run `millrace rebuild` on the newest state."""
    command = [sys.executable, "-m", "millrace.cli", "rebuild", USE_CASE, "--json", *options]
    ran = subprocess.run(command, env=platform.env(), capture_output=True, text=True)
    assert ran.stdout, ran.stderr
    found: dict[str, object] = msgspec.json.decode(ran.stdout)
    return found

"""What pods of the chart run that is not ours to install: the scripts themselves, on real services."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import redis

from millrace.runtime.embedded.kafka_jars import NoKafka, jars, java
from millrace.runtime.embedded.log import listens
from millrace.runtime.embedded.redis import binary
from tests.adapters.conftest import free_port
from tests.chart.rendering import CHART, ROOT, one

JAVA = 'exec "$JAVA" -Xmx384m -cp "$LIBS/*" {main} "$@"\n'
CLUSTER_ID = "4L6g3nShT-eMCtK--X86sw"


@pytest.mark.kafka
def test_a_broker_formats_its_storage_once_and_comes_back_with_it(tmp_path: Path) -> None:
    """The rendered settings and the script that reads them, on Apache Kafka itself: twice on the same volume."""
    try:
        libs, program = jars(ROOT / ".millrace" / "kafka"), java()
    except NoKafka as reason:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"real Kafka cannot be had: {reason}")
    ports = {"9092": str(free_port()), "9093": str(free_port())}
    for name, main in (("kafka-storage.sh", "kafka.tools.StorageTool"), ("kafka-server-start.sh", "kafka.Kafka")):
        (tmp_path / name).write_text("#!/bin/sh\n" + JAVA.format(main=main))
        (tmp_path / name).chmod(0o755)
    rendered = one("ConfigMap", "-kafka")["data"]
    settings = _here(rendered["server.properties"], ports, tmp_path / "data")
    (tmp_path / "server.properties").write_text(settings)
    (tmp_path / "kafka.sh").write_text(_here(rendered["kafka.sh"], ports, tmp_path / "data"))
    told = {"POD": "m-millrace-kafka-0", "DOMAIN": "m-millrace-kafka.river.svc", "CLUSTER_ID": CLUSTER_ID}
    told |= {"CONFIG": str(tmp_path), "KAFKA_BIN": str(tmp_path), "TMPDIR": str(tmp_path / "tmp")}
    told |= {"JAVA": program, "LIBS": str(libs)}
    (tmp_path / "tmp").mkdir()
    for _ in range(2):
        _serves(tmp_path, told, f"127.0.0.1:{ports['9092']}")
    assert f"cluster.id={CLUSTER_ID}" in (tmp_path / "data" / "meta.properties").read_text()
    assert "node.id=0" in (tmp_path / "data" / "meta.properties").read_text()


def _here(text: str, ports: dict[str, str], data: Path) -> str:
    """Return settings for this machine: its ports, its folder, its name; all else as rendered."""
    for usual, port in ports.items():
        text = text.replace(f":{usual}", f":{port}")
    return text.replace("m-millrace-kafka-0.m-millrace-kafka.river.svc", "127.0.0.1").replace(
        "/var/lib/kafka/data", str(data)
    )


def _serves(folder: Path, told: dict[str, str], address: str) -> None:
    said = folder / "said"
    with said.open("wb") as out:
        process = subprocess.Popen(["bash", folder / "kafka.sh"], env={**os.environ, **told}, stdout=out, stderr=out)
    try:
        deadline = time.monotonic() + 60
        while not listens(address):
            assert process.poll() is None, said.read_text()[-2000:]
            assert time.monotonic() < deadline, said.read_text()[-2000:]
            time.sleep(0.2)
    finally:
        process.terminate()
        process.wait(30)


def test_asking_reads_the_state_of_each_use_case(tmp_path: Path) -> None:
    """`helm test` runs this: an answer names its state, and no answer within the patience is a failure."""
    from tests.chart.answering import answering

    with answering() as api:
        done = _ask(api, patience=5)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "first: 1.5 minutes by state first.0.1.7~2\nsecond: None  by state second.0.1.3\n"
    done = _ask(f"http://127.0.0.1:{free_port()}", patience=0)
    assert done.returncode == 1
    assert "no answer within 0 s" in done.stderr


def _ask(api: str, patience: float) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "MILLRACE_API": api, "PATIENCE": str(patience)}
    argv = [sys.executable, str(CHART / "files" / "ask.py")]
    return subprocess.run(argv, env=env, capture_output=True, text=True, check=False, timeout=60)


def test_the_online_store_starts_with_its_password_and_its_bound(tmp_path: Path) -> None:
    """The rendered command, on Valkey itself: nobody gets in without the password, and no argument shows it."""
    (container, _) = one("Deployment", "-redis")["spec"]["template"]["spec"]["containers"]
    shell, option, command = container["command"]
    (tmp_path / "valkey-server").symlink_to(binary())
    port = free_port()
    command = command.replace("--dir /tmp", f"--dir {tmp_path} --port {port}")
    env = {**os.environ, "PASSWORD": "a-secret", "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    process = subprocess.Popen([shell, option, command], env=env, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while not listens(f"127.0.0.1:{port}"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(port=port).ping()
        inside = redis.Redis(port=port, password="a-secret", decode_responses=True)
        assert inside.config_get("maxmemory") == {"maxmemory": str(256 * 1024 * 1024)}
        assert "a-secret" not in " ".join(psutil.Process(process.pid).cmdline())
    finally:
        process.terminate()
        assert process.wait(10) == 0

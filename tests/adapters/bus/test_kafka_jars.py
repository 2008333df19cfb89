"""What a person is told on a machine that lacks what Apache Kafka needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from millrace.runtime.embedded.kafka_jars import NoKafka, jars, java


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and nothing else on the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def program(path: Path, name: str, script: str) -> None:
    (path / name).write_text(f"#!/bin/sh\n{script}\n")
    (path / name).chmod(0o755)


def test_a_missing_java_is_named(path: Path) -> None:
    """Without Java, the message says which is needed."""
    with pytest.raises(NoKafka, match=r"no `java`.*Java 17"):
        java()


def test_an_old_java_is_named(path: Path) -> None:
    """A Java that is too old is told from none."""
    program(path, "java", "echo 'openjdk version \"11.0.2\"' >&2")
    with pytest.raises(NoKafka, match=r"too old.*11\.0\.2"):
        java()


def test_a_missing_maven_is_named(path: Path, tmp_path: Path) -> None:
    """Without Maven, the message says that it is what fetches the jars."""
    with pytest.raises(NoKafka, match="no `mvn`"):
        jars(tmp_path)


def test_what_maven_said_is_told(path: Path, tmp_path: Path) -> None:
    """When nothing can be fetched, Maven's own words are in the message, and nothing half fetched is left in place."""
    program(path, "mvn", "echo cannot reach the repository; exit 1")
    with pytest.raises(NoKafka, match="cannot reach the repository"):
        jars(tmp_path)
    assert not (tmp_path / "libs").exists()


def test_a_version_that_is_not_all_there_gives_way_to_the_one_before(path: Path, tmp_path: Path) -> None:
    """When the newest version lacks a jar in the repository, the newest below it is taken."""
    program(
        path,
        "mvn",
        'while read -r line; do case "$line" in *"[4.0,5.0)"*)\n'
        "echo 'Could not find artifact org.apache.kafka:kafka-server:jar:4.9.1'; exit 1;; esac; done < pom.xml\n"
        'for word in "$@"; do case "$word" in -DoutputDirectory=*)\n'
        '/bin/mkdir "${word#-DoutputDirectory=}";; esac; done',
    )
    assert jars(tmp_path) == tmp_path / "libs"
    assert "[4.0,4.9.1)" in (tmp_path / "pom.xml").read_text()

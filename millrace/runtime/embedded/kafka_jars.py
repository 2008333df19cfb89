"""Apache Kafka's own jars, fetched once from Maven Central by the machine's Maven."""

from __future__ import annotations

import fcntl
import re
import shutil
import subprocess
from pathlib import Path

import structlog

from millrace.domain.errors import MillraceError

OLDEST_JAVA = 17
_FETCH_SECONDS = 540
_TRIES = 3

# kafka-tools-api serves command line tools only, and is not published for every version.
# slf4j-simple makes the broker's log a plain text on its error output.
_POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>millrace.embedded</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>{versions}</version>
      <exclusions>
        <exclusion><groupId>org.apache.kafka</groupId><artifactId>kafka-tools-api</artifactId></exclusion>
      </exclusions>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-simple</artifactId>
      <version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
"""

log = structlog.get_logger()


class NoKafka(MillraceError):
    """Apache Kafka cannot be had on this machine; the message says what is missing."""

    kind = "no-kafka"


def java() -> str:
    """Return the path of a Java that is new enough; raise `NoKafka` when there is none."""
    found = shutil.which("java")
    if found is None:
        raise NoKafka(
            f"no `java` on the PATH: Apache Kafka needs Java {OLDEST_JAVA} or newer (Debian: default-jre-headless)"
        )
    told = subprocess.run([found, "-version"], capture_output=True, text=True, check=False).stderr  # noqa: S603
    version = re.search(r'version "(\d+)', told)
    if version is None or int(version[1]) < OLDEST_JAVA:
        raise NoKafka(f"{found} is too old: Apache Kafka needs Java {OLDEST_JAVA} or newer, this says {told.strip()!r}")
    return found


def jars(folder: Path) -> Path:
    """Return the folder of Kafka's jars, fetching the newest 4.x when they are not there; raise `NoKafka`."""
    folder.mkdir(parents=True, exist_ok=True)
    libs = folder / "libs"
    with (folder / "fetching").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # two processes may ask at once
        if not libs.exists():
            log.info("fetching Apache Kafka", by="mvn", into=str(libs), size_mb=45)
            _fetch(folder).rename(libs)
    return libs


def version(libs: Path) -> str:
    """Return the version of fetched jars."""
    return next(libs.glob("kafka_2.13-*.jar")).stem.removeprefix("kafka_2.13-")


def _fetch(folder: Path) -> Path:
    maven = shutil.which("mvn")
    if maven is None:
        raise NoKafka("no `mvn` on the PATH: Apache Kafka's jars are fetched by Maven (Debian: maven)")
    draft, versions = folder / "libs.draft", "[4.0,5.0)"
    for _ in range(_TRIES):
        shutil.rmtree(draft, ignore_errors=True)
        failure = _resolve(maven, folder, draft, versions)
        if failure is None:
            return draft
        broken = re.search(r"org\.apache\.kafka:[\w.-]+:jar:(4[\d.]+)", failure)
        if broken is None:
            break
        versions = f"[4.0,{broken[1]})"  # the newest is announced, but not all of it is there: take the one before
    raise NoKafka(f"Maven could not fetch Apache Kafka (is Maven Central within reach?): {failure}")


def _resolve(maven: str, folder: Path, draft: Path, versions: str) -> str | None:
    """Copy all jars into `draft`; return what Maven said when it failed."""
    (folder / "pom.xml").write_text(_POM.format(versions=versions))
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={draft}"]
    try:
        done = subprocess.run(  # noqa: S603
            [maven, "-q", "-B", *goal], cwd=folder, capture_output=True, text=True, check=False, timeout=_FETCH_SECONDS
        )
    except subprocess.TimeoutExpired:
        return f"nothing came within {_FETCH_SECONDS} s"
    return None if done.returncode == 0 else (done.stdout + done.stderr).strip()[:600]

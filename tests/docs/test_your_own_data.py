"""What the page on a user's own data shows is so."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Producer

import millrace
from millrace.domain.log import Record
from millrace.learning.decoding import Decoding
from millrace.usecases import find
from tests.kafka import embedded_log
from tests.trainer.world import with_source

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "your-own-data.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(?P<kind>\w+)(?: (?P<about>[^\n]+))?\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
FOUND = [(it["kind"], it["about"] or "", it["text"]) for it in BLOCK.finditer(PAGE)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the page's files."""
    for _, about, text in FOUND:
        if about.startswith("file="):
            (tmp_path / about.removeprefix("file=")).write_text(text)
    return tmp_path


def test_the_files_are_rehearsed_as_written(folder: Path) -> None:
    """The command runs, and says of every row what the page says."""
    [command] = [text for kind, _, text in FOUND if kind == "sh"]
    (folder / "millrace").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m millrace.cli "$@"\n')
    (folder / "millrace").chmod(0o755)
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "200"}
    run = subprocess.run(["sh", "-ec", command], cwd=folder, env=env, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    said = next(text for kind, _, text in FOUND if kind == "text")
    assert said in run.stderr
    report = msgspec.json.decode((folder / "report.json").read_bytes())
    assert (report["events"], report["labels"], report["dead_letters"]) == (3, 2, 0)


def test_every_source_reads_its_records(folder: Path) -> None:
    """Each `source` of the page fits the page's types, and makes of each record what the page says."""
    case = find(str(folder / "late_parcels.py"))
    reads: Decoding | None = None
    tried = 0
    for kind, about, text in FOUND:
        if kind == "python" and about == "source":
            source = eval(text, {**vars(millrace), "replace": msgspec.structs.replace})
            reads = Decoding(with_source(case, source), source)
        elif kind == "json" and not about.startswith("file="):
            assert reads is not None
            topic, expected = about.split()
            fact = reads.read(Record(topic, 0, 0, 0, None, text.encode()))
            assert type(fact).__name__ == expected, fact
            assert getattr(fact, "parcel_id", "17") == "17"
            tried += 1
    assert tried == 8


def test_the_topics_are_drafted_from_as_written(tmp_path: Path) -> None:
    """The command says of records like the page's what the page says; the draft passes the check."""
    told = {about: text for kind, about, text in FOUND if kind == "text"}
    with embedded_log(tmp_path) as place:
        producer = Producer({"bootstrap.servers": place.read_text()})
        for number in range(600):
            for topic, row in like_the_pages(number):
                producer.produce(topic, msgspec.json.encode(row))
        assert producer.flush(30) == 0
        log = {"MILLRACE_KAFKA": place.read_text(), "MILLRACE_EMBEDDED_LOG": "true"}
        drafted = called(tmp_path, *told["command"].split()[1:], **log)
    assert drafted.stdout == told["drafted"], drafted.stderr
    assert called(tmp_path, "check", "parcels_live.py").returncode == 0


def like_the_pages(number: int) -> list[tuple[str, dict[str, Any]]]:
    """Return the first two records of topics that the page shows, as those of another parcel."""
    parcel, delivered = [msgspec.json.decode(it) for kind, about, it in FOUND if kind == "json" and " " in about][:2]
    at = parcel["left_at"] + 60_000 * number
    parcel |= {"parcel": {"no": number}, "depot": {"code": ("Ulm", "Bern", "Chur")[number % 3]}, "left_at": at}
    known = datetime.fromtimestamp(at / 1000, UTC) + timedelta(minutes=70)
    delivered |= {"parcel": str(number), "minutes_late": number % 7 + 0.5, "at": known.isoformat()}
    return [("shop.parcels", parcel), ("shop.deliveries", delivered)]


def called(folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT), **more}
    command = [sys.executable, "-m", "millrace.cli", *words]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def test_every_word_of_the_table_is_one_of_the_structs() -> None:
    """What the page tells one to write is an argument of a source's types."""
    known = {name for kind in (millrace.Table, millrace.Topic, millrace.Files, millrace.Side, millrace.Time)
             for name in kind.__struct_fields__}  # fmt: skip
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and "`" in line]
    words = set(re.findall(r"`(?:Files\(…, )?(\w+)=", "\n".join(rows)))
    assert words
    assert words <= known
    assert ast.parse("\n".join(text for kind, about, text in FOUND if kind == "python" and about == "source"))

"""Log files of parts stay short, and their last word can be told."""

from __future__ import annotations

from pathlib import Path

from millrace.runtime.supervision.logfiles import KEPT, last_line, rotate, shorten


def test_a_start_begins_a_new_file_and_keeps_the_last_few(tmp_path: Path) -> None:
    """Why it died last time is still there after the restart."""
    log = tmp_path / "api.log"
    for number in range(KEPT + 3):
        rotate(log)
        log.write_text(f"start {number}")
    assert log.read_text() == f"start {KEPT + 2}"
    older = [(tmp_path / f"api.log.{number}").read_text() for number in range(1, KEPT + 1)]
    assert older == [f"start {KEPT + 1 - number}" for number in range(KEPT)]
    assert len(list(tmp_path.iterdir())) == KEPT + 1


def test_a_file_is_cut_while_a_process_writes_to_it(tmp_path: Path) -> None:
    """Disks are not filled by a part that complains."""
    log = tmp_path / "api.log"
    with log.open("ab") as out:
        out.write(b"x" * 2_000)
        out.flush()
        shorten(log, largest=1_000)
        out.write(b"goes on\n")
        out.flush()
    assert log.read_bytes() == b"goes on\n"
    assert (tmp_path / "api.log.1").stat().st_size == 2_000


def test_the_last_line_is_told_in_words(tmp_path: Path) -> None:
    """People read it: of a JSON line, what happened and why."""
    log = tmp_path / "api.log"
    assert last_line(log) == ""
    log.write_text("first\nlast\n\n")
    assert last_line(log) == "last"
    log.write_text('{"event": "cannot go on", "reason": "the disk is full", "level": "error"}\n')
    assert last_line(log) == "cannot go on: the disk is full"

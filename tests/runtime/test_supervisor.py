"""Parts are started in order, started again when they die, stopped in order; none is left behind."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from millrace.runtime.supervision import supervisor as supervision
from millrace.runtime.supervision.backoff import Backoff
from tests.runtime.tiny import DEAF, SAYS_WHEN_IT_STOPS, Watched, alive, part, until


def test_the_wait_doubles_from_death_to_death_up_to_the_longest() -> None:
    """A part that cannot live must not take the machine's time."""
    backoff = Backoff(first=0.2, longest=3.0, healthy=30.0)
    assert [backoff.died(lived=0.1) for _ in range(6)] == [0.2, 0.4, 0.8, 1.6, 3.0, 3.0]


def test_a_part_that_lived_a_healthy_while_is_back_at_once() -> None:
    """The first death after a long life is an accident, whatever happened before."""
    backoff = Backoff(first=0.2, longest=3.0, healthy=30.0)
    for _ in range(5):
        backoff.died(lived=1.0)
    assert backoff.died(lived=31.0) == 0.2


async def test_what_dies_is_started_again_later_each_time_and_its_last_words_are_told(tmp_path: Path) -> None:
    """Whoever watches learns that a part died, how, what it said, and when it is tried again."""
    watched = Watched(part("fails", "print('no such table'); raise SystemExit(3)"), logs=tmp_path)
    async with watched.running():
        await until(lambda: watched.whats("fails").count("died") >= 3)
    deaths = [it.detail for it in watched.told if it.what == "died"][:3]
    assert [each.partition("; ")[0] for each in deaths] == ["ended with status 3"] * 3
    assert all(each.endswith("It said last: no such table") for each in deaths)
    assert ["again in 0.05 s" in deaths[0], "again in 0.1 s" in deaths[1], "again in 0.2 s" in deaths[2]] == [True] * 3


async def test_a_killed_part_comes_back_as_another_process(tmp_path: Path) -> None:
    """SIGKILL is nothing special."""
    watched = Watched(part("worker"), part("other"), logs=tmp_path)
    async with watched.running():
        await until(watched.supervisor.ready)
        first, other = watched.pid("worker"), watched.pid("other")
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await until(lambda: watched.pid("worker") not in (None, first))
        assert watched.pid("other") == other
    assert "killed by signal 9" in next(it.detail for it in watched.told if it.what == "died")


async def test_what_a_dead_part_left_of_its_group_goes_with_it(tmp_path: Path) -> None:
    """A child of a dead part would hold its port against the part's successor."""
    script = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-IS', '-c', 'import time; time.sleep(60)'])\n"
        "open(sys.argv[1], 'a').write(f'{child.pid}\\n'); time.sleep(60)"
    )
    note = tmp_path / "children"
    watched = Watched(part("parent", script, note), logs=tmp_path)
    async with watched.running():
        await until(lambda: note.exists() and note.read_text().endswith("\n"))
        grandchild, parent = int(note.read_text()), watched.pid("parent")
        assert parent is not None
        os.kill(parent, signal.SIGKILL)
        await until(lambda: not alive(grandchild))


async def test_parts_of_a_higher_order_wait_until_the_lower_are_ready(tmp_path: Path) -> None:
    """A trainer that starts before its log only fills its own log with complaints."""
    flag = tmp_path / "flag"
    watched = Watched(part("trainer", order=1), part("log", ready=flag.exists), logs=tmp_path)
    async with watched.running():
        await until(lambda: watched.whats("log") == ["starting"])
        assert watched.whats("trainer") == []
        flag.touch()
        await until(watched.supervisor.ready)
    assert [(it.part, it.what) for it in watched.told[:3]] == [
        ("log", "starting"),
        ("log", "ready"),
        ("trainer", "starting"),
    ]


async def test_but_not_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of our services bears the absence of a store; a platform without one still shows what is wrong."""
    monkeypatch.setattr(supervision, "OTHERS_WAIT", 0.2)
    watched = Watched(part("api", order=1), part("store", ready=lambda: False), logs=tmp_path)
    async with watched.running():
        await until(lambda: "ready" in watched.whats("api"))


async def test_a_stage_has_ended_before_the_next_is_told_to(tmp_path: Path) -> None:
    """The trainer's last checkpoint needs a store that still answers."""
    note = tmp_path / "note"
    names = {"store": 3, "api": 2, "trainer": 1, "producer": 0}
    parts = [part(name, SAYS_WHEN_IT_STOPS, note, name, stops=stops) for name, stops in names.items()]
    watched = Watched(*parts, logs=tmp_path)
    async with watched.running():
        await until(lambda: all((tmp_path / f"note.{name}").exists() for name in names))
    order = ["producer", "trainer", "api", "store"]
    assert note.read_text().splitlines() == [f"{name} {what}" for name in order for what in ("told", "ended")]


async def test_what_does_not_stop_in_time_is_killed_and_the_others_still_have_theirs(tmp_path: Path) -> None:
    """A producer that hangs must not cost the trainer its last checkpoint."""
    deaf, note = tmp_path / "deaf", tmp_path / "note"
    parts = [part("producer", DEAF, deaf, stops=0), part("trainer", SAYS_WHEN_IT_STOPS, note, "trainer", stops=1)]
    watched = Watched(*parts, logs=tmp_path, stop_within=3.0)
    async with watched.running():
        await until(lambda: deaf.exists() and (tmp_path / "note.trainer").exists())
        began = time.monotonic()
    assert time.monotonic() - began < 3.0
    assert watched.whats("producer")[-2:] == ["killed", "stopped"]
    assert note.read_text().splitlines() == ["trainer told", "trainer ended"]


async def test_all_has_ended_within_the_time_however_many_hang(tmp_path: Path) -> None:
    """Ctrl-C means soon."""
    notes = [tmp_path / f"deaf-{number}" for number in range(4)]
    watched = Watched(
        *(part(it.name, DEAF, it, stops=number) for number, it in enumerate(notes)), logs=tmp_path, stop_within=2.0
    )
    async with watched.running():
        await until(lambda: all(it.exists() for it in notes))
        began = time.monotonic()
    assert time.monotonic() - began < 2.6


async def test_asked_a_second_time_it_waits_for_nobody(tmp_path: Path) -> None:
    """Ctrl-C twice means now."""
    deaf = tmp_path / "deaf"
    watched = Watched(part("hangs", DEAF, deaf), logs=tmp_path, stop_within=60.0)
    async with watched.running():
        await until(deaf.exists)
        began = time.monotonic()
        watched.supervisor.stop()
    assert time.monotonic() - began < 2.0


async def test_stopping_while_a_part_waits_for_its_restart_ends_at_once(tmp_path: Path) -> None:
    """Nothing is started after the end has begun."""
    watched = Watched(part("fails", "raise SystemExit(1)"), logs=tmp_path, first_wait=30.0)
    async with watched.running():
        await until(lambda: "died" in watched.whats("fails"))
        began = time.monotonic()
    assert time.monotonic() - began < 1.0
    assert watched.whats("fails").count("starting") == 1


class Telling:
    """Answers `/readyz` as a part of ours would."""

    def __init__(self) -> None:
        self.body: dict[str, object] = {"ready": True, "live": True}
        self.status = 200
        telling = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(telling.status)
                self.end_headers()
                self.wfile.write(json.dumps(telling.body).encode())

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


async def test_a_part_that_says_it_is_not_live_for_long_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alive but not advancing: a stuck loop does not end by itself."""
    monkeypatch.setattr(supervision, "UNWELL_FOR", 0.3)
    monkeypatch.setattr(supervision, "LOOK_LATER", 0.05)
    telling = Telling()
    watched = Watched(part("trainer", health=telling.url), logs=tmp_path)
    async with watched.running():
        await until(lambda: "ready" in watched.whats("trainer"))
        telling.status, telling.body = 503, {"ready": False, "live": False}
        await until(lambda: "unwell" in watched.whats("trainer"))
        await until(lambda: watched.whats("trainer").count("starting") == 2)
    telling.server.shutdown()


async def test_a_part_that_is_live_and_not_ready_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits for something another part will give; killing it helps nobody."""
    monkeypatch.setattr(supervision, "UNWELL_FOR", 0.2)
    monkeypatch.setattr(supervision, "LOOK_LATER", 0.05)
    telling = Telling()
    telling.status, telling.body = 503, {"ready": False, "live": True}
    watched = Watched(part("api", health=telling.url), logs=tmp_path)
    async with watched.running():
        await until(lambda: watched.pid("api"))
        time.sleep(0.5)
        telling.status, telling.body = 200, {"ready": True, "live": True}
        await until(lambda: "ready" in watched.whats("api"))
        telling.status, telling.body = 503, {"ready": False, "live": True}
        await until(lambda: "not ready" in watched.whats("api"))
        await until(lambda: watched.supervisor.children[0].unwell() == 0.0)
    assert "unwell" not in watched.whats("api")
    telling.server.shutdown()


async def test_what_keeps_a_part_from_being_ready_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator need not look for the log: each reason is told once, and no longer when it is gone."""
    monkeypatch.setattr(supervision, "LOOK_LATER", 0.05)
    monkeypatch.setattr(supervision, "WHY_AFTER", 0.2)
    telling = Telling()
    telling.status, telling.body = 503, {"live": True, "reasons": {"learner": {"reason": "another layout"}}}
    watched = Watched(part("trainer", health=telling.url), logs=tmp_path)
    async with watched.running():
        await until(lambda: "not ready" in watched.whats("trainer"))
        telling.status, telling.body = 200, {"live": True}
        await until(lambda: "ready" in watched.whats("trainer"))
        assert watched.supervisor.children[0].why == ""
        telling.status, telling.body = 503, {"live": True, "use_cases": {"parcels": {"reason": "no snapshot"}}}
        await until(lambda: watched.whats("trainer").count("not ready") == 2)
    assert [it.detail for it in watched.told if it.what == "not ready"] == ["another layout", "no snapshot"]
    telling.server.shutdown()


async def test_a_part_that_was_started_again_is_looked_at_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However seldom a part that is ready is asked, one that died is called ready as soon as it is."""
    monkeypatch.setattr(supervision, "LOOK_AT_STORES", 60.0)
    watched = Watched(part("redis"), logs=tmp_path)
    async with watched.running():
        await until(lambda: "ready" in watched.whats("redis"))
        os.kill(watched.pid("redis") or 0, signal.SIGKILL)
        await until(lambda: watched.whats("redis").count("ready") == 2, 5.0)


async def test_what_a_part_wants_known_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An epoch that begins is news the first time."""
    monkeypatch.setattr(supervision, "LOOK_LATER", 0.05)
    telling = Telling()
    telling.body = {"live": True, "shards": [{"said": "epoch 2 begins"}]}
    watched = Watched(part("trainer", health=telling.url), logs=tmp_path)
    async with watched.running():
        await until(lambda: "said" in watched.whats("trainer"))
        telling.body = {"live": True, "shards": [{"said": "epoch 3 begins"}]}
        await until(lambda: watched.whats("trainer").count("said") == 2)
    assert [it.detail for it in watched.told if it.what == "said"] == ["epoch 2 begins", "epoch 3 begins"]
    telling.server.shutdown()

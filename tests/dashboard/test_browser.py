"""The production build in a real browser, against a real server that behaves as the API."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.dashboard.conftest import free_port, running
from tests.dashboard.fake_api import FakeApi

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(
    CHROMIUM is None and os.environ.get("CI") != "true", reason="no chromium here; CI has one and must not skip this"
)


class Pages:
    """The pages' own process, which can be ended and started again."""

    def __init__(self, api: str, port: int, health: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.health = f"http://127.0.0.1:{health}"
        self._environment = {
            **os.environ,
            "MILLRACE_API": api,
            "MILLRACE_DASHBOARD_PORT": str(port),
            "MILLRACE_DASHBOARD_HEALTH_PORT": str(health),
            "MILLRACE_EMBEDDED_LOG": "true",
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "apps.dashboard.serve"]
        self._process = subprocess.Popen(command, cwd=ROOT, env=self._environment)
        deadline = time.monotonic() + 200  # a first build takes the npm packages
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.health}/readyz", trust_env=False).status_code == 200:
                    return
            time.sleep(0.2)
        pytest.fail("the pages did not come up")

    def stop(self) -> float:
        """End the process as a supervisor does; return the seconds it took."""
        assert self._process
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(10) == 0
        return time.monotonic() - began


@pytest.fixture
def api_port() -> int:
    return free_port()


@pytest.fixture
def pages(api_port: int) -> Iterator[Pages]:
    it = Pages(f"http://127.0.0.1:{api_port}", free_port(), free_port())
    it.start()
    try:
        yield it
    finally:
        it.stop()


@pytest.fixture
def tab(pages: Pages) -> Iterator[playwright.Page]:
    with playwright.sync_playwright() as driver:
        assert CHROMIUM, "CI must have a chromium"
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(base_url=pages.url, viewport={"width": 1440, "height": 900})
        page.set_default_timeout(15_000)
        yield page
        browser.close()


@pytest.fixture
def complaints(tab: playwright.Page) -> list[str]:
    """What the browser complains of: nothing may be in it."""
    heard: list[str] = []
    tab.on("pageerror", lambda error: heard.append(str(error)))
    tab.on("console", lambda it: heard.append(it.text) if it.type == "error" else None)
    tab.on("requestfailed", lambda it: heard.append(f"{it.url} {it.failure}") if "/_event" not in it.url else None)
    return heard


def test_a_visitor_sees_what_is_learnt_asks_and_is_answered(
    tab: playwright.Page, api_port: int, complaints: list[str]
) -> None:
    """Overview, use case, "Randomize all fields", Predict: the answer names the state that gave it. Nothing is reloaded."""
    expect = playwright.expect
    with running(FakeApi(), api_port):
        tab.goto("/")
        expect(tab.get_by_text("better than the best baseline")).to_be_visible()
        expect(tab.get_by_text("Embedded log: memory only.")).to_be_visible()
        expect(tab.locator("#health tbody tr").first).to_contain_text("1,204")
        tab.get_by_role("heading", name="How many minutes late will this parcel be?").click()
        expect(tab).to_have_url(re.compile("/use-case/parcel-delay$"))
        expect(tab.locator("#scores canvas")).to_be_visible()
        expect(tab.locator("#standing tbody tr").first).to_contain_text("linear")
        expect(tab.locator("#versions tbody tr").first).to_contain_text("champion")
        expect(tab.locator("#alarms tbody tr").first).to_contain_text("linear errs more than it did")

        expect(tab.locator("#field-parcel_id")).not_to_have_value("")
        first = tab.locator("#field-parcel_id").input_value()
        tab.get_by_role("button", name="Randomize all fields").click()
        expect(tab.locator("#field-parcel_id")).not_to_have_value(first)
        tab.get_by_role("button", name="Predict").click()
        expect(tab.locator("#answer-value")).to_have_text(re.compile(r"\d"))
        expect(tab.locator("#answer-state")).to_have_text(re.compile(r"parcel-delay\.0\.1\.\d+"))

        tab.fill("#field-distance", "5000")
        tab.get_by_role("button", name="Predict").click()
        expect(tab.locator("#error-distance")).to_contain_text("0 to 900")
        expect(tab.locator("#field-distance")).to_have_value("5000")

        row = tab.locator("#predictions tbody tr").first.inner_text()
        state = tab.locator("#state-now").inner_text()
        expect(tab.locator("#state-now")).not_to_have_text(state)
        tab.wait_for_function("([was]) => document.querySelector('#predictions tbody tr').innerText !== was", arg=[row])
        expect(tab.locator("#places svg polyline").first).to_be_visible()
        tab.get_by_role("button", name="Truth known").click()
        expect(tab.locator("#predictions tbody tr").first).not_to_contain_text("–\t–")
    assert complaints == []


def test_an_example_that_comes_late_leaves_what_was_asked_about(tab: playwright.Page, api_port: int) -> None:
    """Predict, pressed before "Randomize" was answered, is about what stands in the form, and it stays there."""
    expect, fake = playwright.expect, FakeApi()
    with running(fake, api_port):
        tab.goto("/use-case/parcel-delay")
        expect(tab.locator("#field-parcel_id")).not_to_have_value("")
        tab.fill("#field-parcel_id", "P-1")
        fake.drawing, drawn = False, fake.drawn
        tab.evaluate("for (const id of ['randomize', 'predict']) document.getElementById(id).click()")
        expect(tab.locator("#answer-state")).to_be_visible()
        fake.drawing = True
        while fake.drawn == drawn:
            tab.wait_for_timeout(20)
        tab.get_by_role("button", name="Predict").click()
        tab.fill("#field-distance", "5000")
        tab.get_by_role("button", name="Predict").click()
        expect(tab.locator("#error-distance")).to_be_visible()
        expect(tab.locator("#field-parcel_id")).to_have_value("P-1")


def test_pages_recover_by_themselves(tab: playwright.Page, pages: Pages, api_port: int) -> None:
    """The API goes and comes back, then the pages' own server does: what is shown goes on, nothing is reloaded."""
    expect = playwright.expect
    tab.goto("/use-case/parcel-delay")
    expect(tab.get_by_text("The API does not answer.")).to_be_visible()
    with running(FakeApi(), api_port):
        expect(tab.locator("#scores canvas")).to_be_visible()
        expect(tab.get_by_text("The API does not answer.")).to_be_hidden()
    expect(tab.get_by_text("The API does not answer.")).to_be_visible()
    expect(tab.locator("#scores canvas")).to_be_visible()
    with running(FakeApi(), api_port):
        expect(tab.get_by_text("The API does not answer.")).to_be_hidden()
        tab.evaluate("window.sameTab = true")
        assert pages.stop() < 10
        expect(tab.get_by_text("The connection to the pages' server is lost.")).to_be_visible()
        pages.start()
        expect(tab.get_by_text("The connection to the pages' server is lost.")).to_be_hidden()
        state = tab.locator("#state-now").inner_text()
        expect(tab.locator("#state-now")).not_to_have_text(state)
        assert tab.evaluate("window.sameTab")


@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_is_wider_than_the_screen(tab: playwright.Page, api_port: int, width: int) -> None:
    """On a phone and on a desk, only tables scroll sideways."""
    tab.set_viewport_size({"width": width, "height": 844})
    with running(FakeApi(), api_port):
        for path, wait in (("/", ".card"), ("/use-case/parcel-delay", "#predictions tbody tr")):
            tab.goto(path)
            tab.locator(wait).first.wait_for()
            assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_what_is_not_there_is_said(tab: playwright.Page, api_port: int) -> None:
    """A use case nobody knows, and an API that knows none."""
    expect = playwright.expect
    with running(FakeApi(empty=True), api_port):
        tab.goto("/")
        expect(tab.get_by_text("The API knows no use case yet.")).to_be_visible()
        tab.goto("/use-case/nothing-such")
        expect(tab.get_by_role("heading", name="No such use case")).to_be_visible()


@pytest.mark.parametrize("width", [390, 1440])
def test_clusters_are_told_in_words(tab: playwright.Page, api_port: int, complaints: list[str], width: int) -> None:
    """Where events are grouped, each cluster has a card: words, share, trend; and an answer says what its cluster is like."""
    expect = playwright.expect
    tab.set_viewport_size({"width": width, "height": 900})
    with running(FakeApi(groups=True), api_port):
        tab.goto("/use-case/parcel-delay")
        cards = tab.locator("#groups > li")
        expect(cards).to_have_count(2)
        expect(cards.nth(1)).to_contain_text("many stops, short way")
        expect(cards.nth(1)).to_contain_text("33.8%")
        expect(cards.nth(1)).to_contain_text("growing")
        expect(tab.locator("#clusters canvas")).to_be_visible()
        cards.nth(1).get_by_text("Sample events").click()
        expect(cards.nth(1)).to_contain_text("Weather")
        tab.get_by_role("button", name="Predict").click()
        expect(tab.locator("#answer-value")).to_have_text("Cluster 4")
        expect(tab.locator("#answer-words")).to_have_text("many stops, short way")
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert complaints == []


def test_operators_figures_are_at_a_port_that_visitors_do_not_reach(pages: Pages) -> None:
    """Whoever exposes the pages does not expose what Prometheus asks for."""
    figures = httpx.get(f"{pages.health}/metrics", trust_env=False).text
    assert 'millrace_build_info{part="dashboard"' in figures
    assert "millrace_pages_viewers" in figures
    assert "millrace_predictions_total" not in figures
    assert "millrace" not in httpx.get(f"{pages.url}/metrics", trust_env=False).text.replace("Millrace", "")
    assert httpx.get(f"{pages.health}/livez", trust_env=False).json() == {"live": True}

"""The pages' production build on the running platform, in a real browser."""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.platform import BACK, UP, Running

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(
        CHROMIUM is None and os.environ.get("CI") != "true",
        reason="no chromium here; CI has one and must not skip this",
    ),
]


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Running]:
    it = Running(tmp_path)
    yield it
    it.stop()


@pytest.fixture
def tab() -> Iterator[playwright.Page]:
    with playwright.sync_playwright() as driver:
        assert CHROMIUM, "CI must have a chromium"
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 1600})
        page.set_default_timeout(30_000)
        yield page
        browser.close()


def test_a_visitor_asks_the_running_platform_and_survives_its_api(
    platform: Running, tab: playwright.Page, tmp_path: Path
) -> None:
    """Each page opens, the form is filled by "Randomize all fields", Predict is answered, nothing complains.

    Then the API is killed: the page says so, and goes on by itself once the API is back.
    """
    expect = playwright.expect
    pages = platform.wait(lambda: platform.address("Pages"), UP)
    api = platform.address()
    platform.wait(lambda: httpx.get(f"{api}/v1/use-cases/flight-delay/scorecards").json()["scorecards"], BACK)
    complaints: list[str] = []
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("console", lambda it: complaints.append(it.text) if it.type == "error" else None)

    tab.goto(pages)
    tab.get_by_role("heading", name="How many minutes late will this flight arrive").click()
    expect(tab).to_have_url(re.compile("/use-case/flight-delay$"))
    expect(tab.locator("#scores canvas")).to_be_visible()
    expect(tab.locator("#standing tbody tr").first).to_contain_text("linear")
    tab.get_by_role("button", name="Randomize all fields").click()
    expect(tab.locator("#field-flight_id")).to_have_value(re.compile("."))
    tab.get_by_role("button", name="Predict").click()
    expect(tab.locator("#answer-value")).to_have_text(re.compile(r"\d"))
    expect(tab.locator("#answer-state")).to_have_text(re.compile(r"flight-delay\.0\.1\.\d+"))
    tab.screenshot(path=tmp_path / "use-case.png", full_page=True)
    assert complaints == []

    tab.evaluate("window.sameTab = true")
    os.kill(platform.parts()["api"]["pid"], signal.SIGKILL)
    expect(tab.get_by_text("The API does not answer.")).to_be_visible()
    expect(tab.get_by_text("The API does not answer.")).to_be_hidden(timeout=60_000)
    # An API that was just started names no state until it has read one.
    expect(tab.locator("#state-now")).to_have_text(re.compile(r"\d"), timeout=60_000)
    state = tab.locator("#state-now").inner_text()
    expect(tab.locator("#state-now")).not_to_have_text(state, timeout=30_000)
    assert tab.evaluate("window.sameTab")

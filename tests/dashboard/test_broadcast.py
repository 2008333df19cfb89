"""One look serves all viewers; whatever is away comes back by itself."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from apps.dashboard.api import Api, Declined
from apps.dashboard.broadcast import Broadcaster, Viewer
from apps.dashboard.health import flows, missing
from apps.dashboard.known import Known, Watched
from apps.dashboard.replies import Detail, Figures, Health
from millrace.domain.errors import Unreachable
from millrace.runtime.health import Health as ProcessHealth
from millrace.runtime.telemetry import value
from tests.dashboard.conftest import free_port, running
from tests.dashboard.fake_api import FakeApi

NAME = "parcel-delay"


class Told:
    """Remembers who was told what."""

    def __init__(self) -> None:
        self.by_token: dict[str, list[bool]] = {}

    async def __call__(self, viewer: Viewer, known: Known) -> None:
        self.by_token.setdefault(viewer.token, []).append(viewer.fresh)


async def test_a_viewer_is_told_everything_once_and_then_what_is_new(api: Api) -> None:
    """The first push is fresh, the next ones are not."""
    told, cast = Told(), Broadcaster(api, ProcessHealth())
    cast.join("a", NAME)
    await cast.round(told, ["a"])
    await cast.round(told, ["a"])
    assert told.by_token == {"a": [True, False]}
    assert cast.known.use_cases[NAME].card(0.0).champion == "linear"
    assert cast.known.use_cases[NAME].predictions


async def test_nobody_there_means_no_look(api: Api) -> None:
    """Without viewers the API is left alone, and one who left is forgotten."""
    told, cast = Told(), Broadcaster(api, ProcessHealth())
    await cast.round(told, [])
    assert not cast.known.looked
    cast.join("a", None)
    await cast.round(told, ["a"])
    await cast.round(told, [])
    assert cast.viewers == {}


async def test_an_api_that_is_back_is_noticed_without_a_viewer(api: Api) -> None:
    """Else pages that nobody looks at would be not ready for ever."""
    health = ProcessHealth()
    health.ready()
    told, cast = Told(), Broadcaster(api, health)
    cast._away("it does not answer")
    assert not health.readiness()["ready"]
    await cast.round(told, [])
    assert health.readiness()["ready"]
    assert told.by_token == {}


async def test_figures_of_health_are_asked_for_while_somebody_sees_them(api: Api, fake: FakeApi) -> None:
    """Only the overview shows them: a viewer of one use case costs the trainers nothing."""
    told, cast = Told(), Broadcaster(api, ProcessHealth())
    cast.join("a", NAME)
    await cast.round(told, ["a"])
    assert (cast.known.health, fake.asked_for_health) == (None, 0)
    cast.join("b", None)
    await cast.round(told, ["a", "b"])
    assert fake.asked_for_health == 1
    assert cast.known.health is not None
    [line] = flows(cast.known.health)
    assert (line.predictions, line.lag, line.state_age, line.checkpoint_age) == ("48", "1,204", "0.8 s", "7 min, old")
    assert (line.state_tone, line.checkpoint_tone) == ("", "bad")
    assert missing(cast.known.health) == "1 of 2 trainers did not answer"


def test_an_age_is_no_fault_where_nothing_flows() -> None:
    """A stream that is over leaves nothing to serve or to save."""
    over = Figures(predictions_per_s=0.0, checkpoint_age_s=5_000.0, state_age_s=5_000.0)
    [line] = flows(Health(use_cases={NAME: over}))
    assert (line.state_age, line.state_tone, line.checkpoint_tone) == ("83 min", "", "")


def test_a_registered_version_is_no_old_state() -> None:
    """Registered every five minutes, it is minutes old: that is what was asked for."""
    flowing = Health(use_cases={NAME: Figures(predictions_per_s=5.0, state_age_s=120.0)})
    assert [it.state_tone for it in flows(flowing)] == ["bad"]
    assert [it.state_tone for it in flows(flowing, registered={NAME})] == [""]


async def test_looks_are_counted_by_what_came_of_them(api: Api, api_url: str) -> None:
    """Pages that get no answer are an alert."""
    cast = Broadcaster(api, ProcessHealth())
    answered, failed = (value("millrace_pages_looks_total", {"outcome": it}) for it in ("answered", "failed"))
    await cast.look(set())
    assert value("millrace_pages_looks_total", {"outcome": "answered"}) == (answered or 0) + 1
    health = ProcessHealth()
    health.ready()
    away = Broadcaster(Api(f"http://127.0.0.1:{free_port()}", timeout=1), health)
    await away.look(set())
    assert value("millrace_pages_looks_total", {"outcome": "failed"}) == (failed or 0) + 1
    assert health.readiness()["reasons"].keys() == {"api"}
    assert health.live()["live"], "pages that tell of it are no reason to start again"


async def test_the_overview_does_not_ask_for_what_only_a_page_shows(api: Api) -> None:
    """Predictions, versions and examples are read for watched use cases only."""
    cast = Broadcaster(api, ProcessHealth())
    await cast.look(set())
    assert cast.known.use_cases[NAME].predictions == []
    assert cast.known.use_cases[NAME].example is None


async def test_a_viewer_that_fails_does_not_spoil_it_for_the_others(api: Api) -> None:
    """Each viewer is told on its own."""
    told, cast = Told(), Broadcaster(api, ProcessHealth())

    async def push(viewer: Viewer, known: Known) -> None:
        if viewer.token == "bad":
            raise RuntimeError("gone")
        await told(viewer, known)

    for token in ("bad", "good"):
        cast.join(token, None)
    await cast.round(push, ["bad", "good"])
    assert told.by_token == {"good": [True]}


async def test_an_api_that_goes_away_is_told_and_its_return_is_told_whole() -> None:
    """What was known stays shown while the API is away; when it is back, everything is told anew."""
    port, told, fake = free_port(), Told(), FakeApi()
    api = Api(f"http://127.0.0.1:{port}", timeout=1)
    cast = Broadcaster(api, ProcessHealth())
    cast.join("a", NAME)
    await cast.round(told, ["a"])
    assert cast.known.status() == ("away", "API away")
    with running(fake, port):
        await cast.round(told, ["a"])
        assert cast.known.away == ""
    await cast.round(told, ["a"])
    assert "does not answer" in cast.known.away
    assert NAME in cast.known.use_cases
    with running(fake, port):
        await cast.round(told, ["a"])
    assert told.by_token["a"] == [True, True, False, True]
    await api.close()


async def test_a_viewer_that_comes_is_not_kept_waiting(api: Api) -> None:
    """Joining ends the pause: nobody waits for the next second."""
    told, cast = Told(), Broadcaster(api, ProcessHealth(), every=60)
    task = asyncio.create_task(cast.run(told, lambda: ["a"]))
    await asyncio.sleep(0.05)
    cast.join("a", None)
    async with asyncio.timeout(5):
        while not told.by_token:
            await asyncio.sleep(0.02)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_a_problem_names_its_field(api: Api, fake: FakeApi) -> None:
    """The API's problem documents come through with the field they blame."""
    with pytest.raises(Declined) as problem:
        await api.predict(NAME, {**fake.example(), "distance": 5000.0})
    assert (problem.value.field, problem.value.status) == ("distance", 422)
    assert "not 5000" in str(problem.value)


async def test_an_unknown_use_case_is_declined_and_a_dead_api_unreachable(api: Api) -> None:
    """Two different troubles have two different names."""
    with pytest.raises(Declined):
        await api.use_case("nobody/../asks")
    with pytest.raises(Unreachable):
        await Api(f"http://127.0.0.1:{free_port()}", timeout=1).use_cases()


def test_pace_counts_events_over_time_and_starts_anew_with_an_epoch(fake: FakeApi) -> None:
    """Predictions a second come from two looks; fewer events than before are another history."""
    from apps.dashboard.replies import Scorecards

    def card(events: int) -> Scorecards:
        import msgspec

        return msgspec.convert({"scorecards": [{**fake.stream.scorecards[-1], "events": events}]}, Scorecards)

    watched = Watched(Detail(name=NAME, question="?"))
    assert watched.pace() is None
    watched.start(card(1000).scorecards, 0.0)
    watched.follow(card(1400).scorecards[0], 4.0)
    assert watched.pace() == 100
    watched.follow(card(10).scorecards[0], 5.0)
    assert watched.pace() is None
    assert watched.history_at is None


async def test_a_use_case_that_cannot_be_shown_is_not_the_api_away(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """One use case in trouble is listed with its reason; the rest, and the banner, are not touched."""

    async def declines(name: str) -> Detail:
        raise Declined(f"{name} has no state yet", status=503)

    monkeypatch.setattr(api, "use_case", declines)
    cast = Broadcaster(api, ProcessHealth())
    await cast.look(set())
    card = cast.known.use_cases[NAME].card(0.0)
    assert (cast.known.away, card.status, card.reason) == ("", "waiting", "parcel-delay has no state yet")

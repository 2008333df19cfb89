"""What each viewer's pages hold. `show` takes in what is new; only what differs is sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import reflex as rx

from apps.dashboard import alarms, form, groups, health, places, standing, tables
from apps.dashboard.broadcast import CLUSTERING, Viewer
from apps.dashboard.cards import Card
from apps.dashboard.known import Known, Watched
from apps.dashboard.platform import broadcaster
from apps.dashboard.settings import settings
from millrace.domain.errors import MillraceError, Refused

NEWEST = 12


class Shell(rx.State):
    """What every page shows around its content."""

    tone: str = "waiting"
    status: str = "Connecting"
    away: str = ""
    embedded_log: bool = False

    def show(self, known: Known) -> None:
        """Take in how the platform is."""
        tone, status = known.status()
        update(self, tone=tone, status=status, away=known.away, embedded_log=settings().embedded_log)


class Overview(rx.State):
    """All use cases."""

    cards: rx.Field[list[Card]] = rx.field(default_factory=list)
    flows: rx.Field[list[health.Flow]] = rx.field(default_factory=list)
    flows_missing: str = ""
    loaded: bool = False

    @rx.event
    def arrive(self) -> None:
        """Begin to view."""
        broadcaster().join(self.router.session.client_token, None)

    def show(self, known: Known, now: float) -> None:
        """Take in how the use cases stand."""
        found = [it.card(now) for it in known.use_cases.values()]
        update(self, cards=found, loaded=known.looked and not (known.away and not found))
        if known.health is not None:
            update(
                self, flows=health.flows(known.health, known.registered()), flows_missing=health.missing(known.health)
            )


class UseCasePage(rx.State):
    """One use case."""

    shown: str = ""
    loaded: bool = False
    missing: bool = False
    card: rx.Field[Card] = rx.field(default_factory=lambda: Card(name="", question="", status="waiting"))
    history: rx.Field[dict[str, Any]] = rx.field(default_factory=dict)
    point: rx.Field[dict[str, Any]] = rx.field(default_factory=dict)
    window: str = "recent"
    rows: rx.Field[list[standing.Row]] = rx.field(default_factory=list)
    predictions: rx.Field[list[tables.Foreseen]] = rx.field(default_factory=list)
    settled: bool = False
    paused: bool = False
    places: str = ""
    versions: rx.Field[list[tables.Registered]] = rx.field(default_factory=list)
    alarms: rx.Field[list[alarms.Raised]] = rx.field(default_factory=list)
    grouping: bool = False
    groups: rx.Field[list[groups.Group]] = rx.field(default_factory=list)
    groups_told: str = ""
    sizes: rx.Field[dict[str, list[Any]]] = rx.field(default_factory=lambda: {"at": []})

    @rx.event
    def arrive(self) -> None:
        """Begin to view; what was shown of another use case goes."""
        name = str(self.router.url.path).rstrip("/").rpartition("/")[2]
        if name != self.shown:
            self.reset()  # type: ignore[no-untyped-call]
            self.shown = name
        broadcaster().join(self.router.session.client_token, name)

    @rx.event
    def choose_window(self, window: str) -> None:
        """Show scores over the recent window or over everything."""
        self.window = window

    @rx.event
    def choose_settled(self, settled: bool) -> None:
        """List the newest predictions, or the newest whose truth is known."""
        self.settled = settled
        self.paused = False
        if use_case := broadcaster().known.use_cases.get(self.shown):
            self._list(use_case)

    @rx.event
    def pause(self) -> None:
        """Hold the list of predictions still, or let it go on."""
        self.paused = not self.paused

    def show(self, known: Known, now: float, *, fresh: bool) -> None:
        """Take in how the use case stands: its whole history when `fresh`, else the newest point."""
        use_case = known.use_cases.get(self.shown)
        if use_case is None:
            update(self, missing=known.looked and not known.away)
            return
        update(self, loaded=True, missing=False, card=use_case.card(now), rows=use_case.rows())
        if fresh or not self.history:
            update(self, history=use_case.history(), point={})
        else:
            update(self, point=use_case.point())
        if not self.paused:
            self._list(use_case)
        update(self, alarms=alarms.raised(use_case.alarms, self.shown))
        update(self, versions=tables.registered(use_case.versions, self.shown))
        self._group(use_case)

    def _group(self, use_case: Watched) -> None:
        found = use_case.clusters
        update(self, grouping=use_case.detail.task == CLUSTERING)
        if found is not None:
            shown = groups.only(found, (it.id for it in found.clusters))
            update(
                self, groups=groups.groups(found), groups_told=groups.told(found), sizes=groups.history(shown.history)
            )

    def _list(self, use_case: Watched) -> None:
        unit = use_case.detail.unit
        found = tables.foreseen(use_case.predictions, self.shown, unit, settled=self.settled, most=NEWEST)
        update(self, predictions=found, places=places.drawn(use_case.predictions, unit))


class Ask(rx.State):
    """The form of the use case that is shown, and the answer."""

    about: str = ""
    fields: rx.Field[list[form.Field]] = rx.field(default_factory=list)
    version: int = 0
    reply: rx.Field[tables.Reply] = rx.field(default_factory=tables.Reply)
    trouble: str = ""
    busy: str = ""

    def show(self, use_case: Watched) -> None:
        """Make the form, when the page came to another use case or its event changed."""
        made = form.fields(use_case.detail.event_schema, use_case.example)
        same = [it.name for it in made] == [it.name for it in self.fields]
        if (
            self.about == use_case.detail.name
            and same
            and (any(it.value for it in self.fields) or not use_case.example)
        ):
            return
        self.about, self.fields, self.version = use_case.detail.name, made, self.version + 1
        self.reply, self.trouble = tables.Reply(), ""

    @rx.event(background=True)
    async def randomize(self) -> AsyncIterator[None]:
        """Fill every field with an event drawn anew."""
        async with self:
            self.busy, self.trouble, name = "randomize", "", self.about
        yield
        event, trouble = await _example(name)
        async with self:
            if self.busy != "randomize":
                return  # Predict overtook it: what was asked stays in the form
            self.busy, self.trouble = "", trouble
            if event and self.about == name:
                self.fields, self.version = form.filled(self.fields, event), self.version + 1

    @rx.event(background=True)
    async def predict(self, texts: dict[str, Any]) -> AsyncIterator[None]:
        """Ask about what was typed."""
        async with self:
            name = self.about
            self.fields = form.typed(self.fields, texts)
            self.trouble = ""
            asked = self._event(texts)
            self.busy = "predict" if asked else ""
        yield
        if asked:
            await self._ask(name, asked)

    def _event(self, texts: dict[str, Any]) -> dict[str, Any] | None:
        try:
            return form.event(self.fields, texts)
        except Refused as error:
            self._blame(error.field, str(error))
            return None

    async def _ask(self, name: str, event: dict[str, Any]) -> None:
        try:
            answered = await broadcaster().api.predict(name, event)
        except MillraceError as error:
            async with self:
                self.busy = ""
                self._blame(getattr(error, "field", None), str(error))
        else:
            async with self:
                self.busy = ""
                self.reply = tables.reply(answered, name, _keys(name))

    def _blame(self, field: str | None, message: str) -> None:
        """Show what is wrong at its field, or under the form when it has none there."""
        if field in {it.name for it in self.fields}:
            self.fields = form.blamed(self.fields, str(field), message)
        else:
            self.trouble = message


def _keys(name: str) -> dict[str, str]:
    """Return the colours of those who compete."""
    use_case = broadcaster().known.use_cases.get(name)
    return standing.keys(use_case.scorecards[-1]) if use_case and use_case.scorecards else {}


async def _example(name: str) -> tuple[dict[str, Any], str]:
    try:
        return await broadcaster().api.example(name), ""
    except MillraceError as error:
        return {}, str(error)


def update(state: rx.State, **values: Any) -> None:
    """Set what differs: a value set anew is sent anew, even when it is the same."""
    for name, value in values.items():
        if getattr(state, name) != value:
            setattr(state, name, value)


async def show(root: rx.State, viewer: Viewer, known: Known, now: float) -> None:
    """Bring one viewer's pages up to date."""
    (await root.get_state(Shell)).show(known)
    if viewer.watching is None:
        (await root.get_state(Overview)).show(known, now)
        return
    page = await root.get_state(UseCasePage)
    page.show(known, now, fresh=viewer.fresh)
    if use_case := known.use_cases.get(viewer.watching):
        (await root.get_state(Ask)).show(use_case)

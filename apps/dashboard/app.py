"""The pages as one application, and the task that feeds them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from time import monotonic

import reflex as rx
from starlette.types import ASGIApp

from apps.dashboard import headers
from apps.dashboard.broadcast import Viewer
from apps.dashboard.components.font import font
from apps.dashboard.components.mark import MARK
from apps.dashboard.components.view import Expression
from apps.dashboard.known import Known
from apps.dashboard.pages.overview import overview
from apps.dashboard.pages.use_case import use_case
from apps.dashboard.platform import broadcaster
from apps.dashboard.state import Overview, Shell, UseCasePage, show

page: Expression = UseCasePage


@contextlib.asynccontextmanager
async def broadcasting() -> AsyncIterator[None]:
    """Run the broadcaster while the application runs."""
    task = asyncio.create_task(broadcaster().run(push, present), name="broadcaster")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await broadcaster().api.close()


async def push(viewer: Viewer, known: Known) -> None:
    """Tell one viewer what is new to it."""
    async with app.modify_state(rx.BaseStateToken(ident=viewer.token, cls=Shell)) as shell:
        await show(await shell.get_state(rx.State), viewer, known, monotonic())


def present() -> list[str]:
    """Return the tokens of the viewers that are connected."""
    return list(app.event_namespace.token_to_sid) if app.event_namespace else []


def served(asgi: ASGIApp) -> ASGIApp:
    """Let browsers keep what never changes, and ask anew for what does."""
    return headers.Headers(asgi)


app = rx.App(
    stylesheets=["style.css"],
    html_lang="en",
    app_wraps={(50, "Font"): lambda _: font()},
    toaster=None,
    head_components=[
        rx.el.link(rel="icon", href=MARK, type="image/svg+xml"),
    ],
    api_transformer=served,
)
app.add_page(overview, route="/", title="Millrace", description="What is learnt, and how well", on_load=Overview.arrive)
app.add_page(
    use_case,
    route="/use-case/[use_case]",
    title=rx.cond(page.shown != "", page.shown + " · Millrace", "Millrace"),
    description="One use case: who competes, what is foreseen, and a form to ask",
    on_load=UseCasePage.arrive,
)
app.register_lifespan_task(broadcasting)

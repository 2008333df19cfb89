"""What is around every page: the head, the banners, the foot; and small pieces all pages use."""

from __future__ import annotations

from typing import Any

import reflex as rx
from reflex.style import resolved_color_mode, toggle_color_mode
from reflex_components_core.core.banner import has_connection_errors  # type: ignore[import-untyped]
from reflex_components_core.react_router.dom import ReactRouterLink  # type: ignore[import-untyped]

from apps.dashboard.components.mark import MARK
from apps.dashboard.components.view import Expression, View
from apps.dashboard.state import Shell

shell: Expression = Shell


def frame(*content: View) -> View:
    """Put a page's content into the frame."""
    return rx.el.div(
        rx.el.a("Skip to content", href="#content", class_name="skip"),
        _head(),
        rx.el.div(_server_away(), _api_away(), _embedded_log(), class_name="banners", aria_live="polite"),
        rx.el.main(*content, id="content", class_name="content"),
        _foot(),
        class_name="shell",
    )


def _head() -> View:
    return rx.el.header(
        rx.el.div(
            link(
                "/",
                rx.el.img(src=MARK, alt="", width="28", height="28"),
                rx.el.span("Millrace"),
                class_name="brand",
            ),
            rx.el.div(
                status_pill(shell.tone, shell.status, role="status"),
                rx.el.button(
                    rx.cond(resolved_color_mode == "dark", "Light", "Dark"),
                    on_click=toggle_color_mode,
                    type="button",
                    class_name="quiet",
                    aria_label="Switch between light and dark",
                    id="scheme",
                ),
                class_name="head-right",
            ),
            class_name="head-in",
        ),
        class_name="head",
    )


def _foot() -> View:
    return rx.el.footer(
        "Times are UTC. Every prediction is made before its truth is learnt, and names the state that made it.",
        class_name="foot",
    )


def _server_away() -> View:
    return rx.cond(
        has_connection_errors,
        banner(
            "bad",
            "The connection to the pages' server is lost.",
            "It is tried again by itself; nothing needs to be reloaded.",
        ),
    )


def _api_away() -> View:
    return rx.cond(
        (shell.away != "") & ~has_connection_errors,
        banner(
            "bad",
            "The API does not answer.",
            "What is shown is from before. It is tried again every second. ",
            shell.away,
        ),
    )


def _embedded_log() -> View:
    return rx.cond(
        shell.embedded_log,
        banner("info", "Embedded log: memory only.", "When it restarts, a new epoch begins from the last checkpoint."),
    )


def banner(tone: str, title: str, *text: Any) -> View:
    """Say something above the page's content."""
    return rx.el.div(rx.el.strong(title), rx.el.span(*text), class_name=f"banner {tone}")


def link(href: Any, *content: Any, **props: Any) -> View:
    """Go to another page without loading anything anew."""
    return ReactRouterLink.create(*content, to=href, **props)


def status_pill(tone: Any, text: Any, **props: Any) -> View:
    """Show a state as a colour and a word: never the colour alone."""
    return rx.el.span(rx.el.span(class_name="dot", aria_hidden="true"), text, class_name=f"pill {tone}", **props)


def panel(title: str, *content: Any, side: View | None = None, name: str = "") -> View:
    """Frame one part of a page, with its title."""
    head = rx.el.div(rx.el.h2(title), side or rx.fragment(), class_name="panel-head")
    return rx.el.section(head, *content, class_name="panel", id=name, aria_label=title)


def empty(text: Any) -> View:
    """Say that there is nothing yet, and why."""
    return rx.el.p(text, class_name="empty")


def skeleton(lines: int) -> View:
    """Hold the place of what is being loaded."""
    bars = [rx.el.div(class_name="bar") for _ in range(lines)]
    return rx.el.div(*bars, rx.el.span("Loading", class_name="unseen"), class_name="skeleton")


def switch(name: str, *choices: tuple[str, Any, Any]) -> View:
    """Offer a few ways to see the same; each is its text, whether it is chosen, and what choosing it does."""
    buttons = [
        rx.el.button(text, on_click=choose, type="button", aria_pressed=rx.cond(chosen, "true", "false"))
        for text, chosen, choose in choices
    ]
    return rx.el.div(*buttons, class_name="switch", role="group", aria_label=name)

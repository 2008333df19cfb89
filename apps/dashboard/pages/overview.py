"""All use cases at a glance."""

from __future__ import annotations

import reflex as rx

from apps.dashboard.cards import SPARK_HEIGHT, SPARK_WIDTH
from apps.dashboard.components.frame import empty, frame, link, skeleton, status_pill
from apps.dashboard.components.view import Expression, View
from apps.dashboard.pages.health import health_panel
from apps.dashboard.state import Overview

page: Expression = Overview


def overview() -> View:
    """Lay out the page."""
    return frame(
        rx.el.div(
            rx.el.h1("Use cases"),
            rx.el.p(
                "Each asks one question of one stream, and learns the answer as the stream flows.", class_name="lead"
            ),
            class_name="title",
        ),
        rx.cond(
            page.loaded,
            rx.cond(
                page.cards.length() > 0,
                rx.el.div(rx.foreach(page.cards, card), class_name="cards"),
                rx.el.div(empty("The API knows no use case yet. They appear here by themselves."), class_name="panel"),
            ),
            rx.el.div(rx.el.div(skeleton(6), class_name="panel"), class_name="cards"),
        ),
        rx.cond(page.flows.length() > 0, rx.el.div(health_panel(), class_name="below")),
    )


def card(it: Expression) -> View:
    """Show one use case."""
    return link(
        "/use-case/" + it.name,
        rx.el.div(rx.el.span(it.name, class_name="eyebrow"), status(it), class_name="row-apart"),
        rx.el.h2(it.question, class_name="question"),
        rx.cond(it.reason != "", rx.el.p(it.reason, class_name="reason")),
        rx.el.div(score(it), sparkline(it), class_name="card-score"),
        facts(it),
        class_name="panel card",
    )


def status(it: Expression) -> View:
    """Say whether a use case answers."""
    word = rx.match(it.status, ("ready", "Ready"), ("degraded", "Degraded"), "Not ready")
    return status_pill(it.status, word)


def score(it: Expression) -> View:
    """Show the champion's score now, beside the best baseline's."""
    return rx.el.div(
        rx.el.div(
            rx.el.span(rx.cond(it.score != "", it.score, "–"), class_name="big"),
            rx.el.span(it.unit, " ", it.metric, class_name="big-unit"),
        ),
        rx.cond(it.verdict != "", verdict(it), rx.el.span("No baseline to compare with yet", class_name="muted")),
        class_name="score",
    )


def verdict(it: Expression) -> View:
    """Say how the champion compares with the best baseline."""
    return rx.el.div(
        rx.el.span(it.verdict, class_name="verdict " + it.tone),
        rx.el.span(it.rival, ", ", it.rival_score, class_name="muted"),
        class_name="verdict-row",
    )


def sparkline(it: Expression) -> View:
    """Draw the champion's score over time, without axes."""
    line = rx.el.svg(
        rx.el.svg.polyline(
            points=it.spark, fill="none", stroke="currentColor", stroke_width="2", vector_effect="non-scaling-stroke"
        ),
        view_box=f"0 0 {SPARK_WIDTH} {SPARK_HEIGHT}",
        preserve_aspect_ratio="none",
        class_name="spark",
        aria_hidden="true",
    )
    return rx.cond(it.spark != "", line)


def facts(it: Expression) -> View:
    """List what names and dates a use case's state."""
    until = rx.el.span(it.until, rx.el.span(" · changed ", it.moved, class_name="muted"))
    return rx.el.dl(
        fact("Champion", it.champion),
        fact("Pace", rx.cond(it.pace != "", it.pace + " predictions/s", "")),
        fact("Learnt until", rx.cond(it.until != "", until, "")),
        fact("State", rx.el.code(it.state_id)),
        class_name="facts",
    )


def fact(name: str, value: Expression | View) -> View:
    """Show one named fact; a dash where there is none."""
    shown = value if isinstance(value, rx.Component) else rx.cond(value != "", value, "–")
    return rx.el.div(rx.el.dt(name), rx.el.dd(shown))

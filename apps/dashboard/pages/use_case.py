"""One use case: how those who compete do, what they foresee, and the form to ask them. Generic: nothing names one."""

from __future__ import annotations

import reflex as rx

from apps.dashboard.components.frame import empty, frame, link, skeleton
from apps.dashboard.components.view import Expression, View
from apps.dashboard.pages.alarms import alarms_panel
from apps.dashboard.pages.ask import answer_panel, form_panel
from apps.dashboard.pages.groups import clusters_panel
from apps.dashboard.pages.overview import fact, status
from apps.dashboard.pages.places import places_panel
from apps.dashboard.pages.standing import chart_panel, standing_panel
from apps.dashboard.pages.streams import predictions_panel, versions_panel
from apps.dashboard.state import UseCasePage

page: Expression = UseCasePage


def use_case() -> View:
    """Lay out the page."""
    return frame(
        rx.el.nav(link("/", "Use cases"), rx.el.span("/", aria_hidden="true"), page.shown, class_name="crumbs"),
        rx.cond(page.missing, _missing(), rx.cond(page.loaded, _found(), _loading())),
    )


def _found() -> View:
    return rx.fragment(
        _head(),
        rx.el.div(chart_panel(), standing_panel(), class_name="grid"),
        rx.cond(page.grouping, rx.el.div(clusters_panel(), class_name="whole")),
        rx.el.div(form_panel(), answer_panel(), class_name="grid"),
        rx.cond(page.places != "", rx.el.div(places_panel(), class_name="whole")),
        rx.el.div(predictions_panel(), versions_panel(), class_name="grid"),
        rx.el.div(alarms_panel(), class_name="whole"),
    )


def _head() -> View:
    it: Expression = page.card
    moved = rx.el.span(it.until, rx.el.span(" · changed ", it.moved, class_name="muted"))
    return rx.el.div(
        rx.el.div(rx.el.h1(it.question), status(it), class_name="row-apart"),
        rx.cond(it.reason != "", rx.el.p(it.reason, class_name="reason")),
        rx.cond(it.source != "", rx.el.p(it.source, class_name="lead")),
        rx.el.dl(
            fact("Champion", it.champion),
            fact("Pace", rx.cond(it.pace != "", it.pace + " predictions/s", "")),
            fact("Events so far", it.events),
            fact("Learnt until", rx.cond(it.until != "", moved, "")),
            fact("Served from", it.serving),
            fact("State", rx.el.code(it.state_id, id="state-now")),
            class_name="facts wide",
        ),
        class_name="title",
    )


def _loading() -> View:
    return rx.fragment(
        rx.el.div(skeleton(3), class_name="title"),
        rx.el.div(
            rx.el.div(skeleton(8), class_name="panel"), rx.el.div(skeleton(8), class_name="panel"), class_name="grid"
        ),
    )


def _missing() -> View:
    return rx.el.div(
        rx.el.h1("No such use case"),
        empty(rx.fragment("The API knows no use case named ", rx.el.code(page.shown), ".")),
        link("/", "See all use cases", class_name="button"),
        class_name="panel",
    )

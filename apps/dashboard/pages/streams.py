"""What was foreseen, and what was registered."""

from __future__ import annotations

import reflex as rx

from apps.dashboard.components.frame import empty, panel, switch
from apps.dashboard.components.view import Expression, View
from apps.dashboard.state import UseCasePage

page: Expression = UseCasePage


def predictions_panel() -> View:
    """List the newest predictions, live."""
    choices = rx.el.div(
        rx.el.button(rx.cond(page.paused, "Go on", "Hold"), on_click=page.pause, type="button", class_name="quiet"),
        switch(
            "Which predictions",
            ("Newest", ~page.settled, page.choose_settled(False)),
            ("Truth known", page.settled, page.choose_settled(True)),
        ),
        class_name="row",
    )
    head = [("Occurred", ""), ("Key", ""), ("Predicted", "num"), ("Truth", "num"), ("Error", "num"), ("State", "")]
    heads = rx.el.tr(*(rx.el.th(text, scope="col", class_name=kind) for text, kind in head))
    table = rx.el.table(rx.el.thead(heads), rx.el.tbody(rx.foreach(page.predictions, _prediction)))
    waiting = rx.cond(
        page.settled,
        empty("The truth is not known yet of any of the newest predictions."),
        empty("Nothing has been predicted yet."),
    )
    shown = rx.el.div(table, class_name="scroll broad", tab_index=0, role="region", aria_label="Newest predictions")
    title = "Newest predictions"
    return panel(title, rx.cond(page.predictions.length() > 0, shown, waiting), side=choices, name="predictions")


def _prediction(it: Expression) -> View:
    return rx.el.tr(
        rx.el.td(rx.el.span(it.date, " ", class_name="date"), it.time, class_name="nowrap"),
        rx.el.td(it.key, title=it.event_id),
        rx.el.td(it.predicted, class_name="num strong nowrap"),
        rx.el.td(it.truth, class_name="num"),
        rx.el.td(it.error, class_name="num"),
        rx.el.td(rx.el.code(it.state)),
        key=it.event_id,
    )


def versions_panel() -> View:
    """List the registered versions."""
    heads = rx.el.tr(*(rx.el.th(text, scope="col") for text in ("Version", "Champion and scores", "Registered")))
    table = rx.el.table(rx.el.thead(heads), rx.el.tbody(rx.foreach(page.versions, _version)))
    shown = rx.el.div(table, class_name="scroll tall", tab_index=0, role="region", aria_label="Registered versions")
    waiting = empty("No version is registered yet. The first follows the first checkpoint by some minutes.")
    return panel("Registered versions", rx.cond(page.versions.length() > 0, shown, waiting), name="versions")


def _version(it: Expression) -> View:
    number = rx.el.th(
        it.version,
        rx.foreach(it.aliases.to(list[str]), lambda alias: rx.el.span(alias, class_name="tag")),
        scope="row",
        class_name="version",
    )
    return rx.el.tr(
        number,
        rx.el.td(
            rx.el.div(it.champion, class_name="strong"), rx.el.div(it.metrics, class_name="sub"), rx.el.code(it.state)
        ),
        rx.el.td(it.created, rx.el.div("learnt until ", it.until, class_name="sub"), class_name="nowrap"),
        key=it.version,
    )

"""What has drifted."""

from __future__ import annotations

import reflex as rx

from apps.dashboard.components.frame import empty, panel
from apps.dashboard.components.view import Expression, View
from apps.dashboard.state import UseCasePage

page: Expression = UseCasePage


def alarms_panel() -> View:
    """List the newest drift alarms."""
    names = ("When", "What has drifted", "By how much", "At event", "State")
    heads = rx.el.tr(*(rx.el.th(text, scope="col", class_name="num" if text == "At event" else "") for text in names))
    table = rx.el.table(rx.el.thead(heads), rx.el.tbody(rx.foreach(page.alarms, _alarm)))
    shown = rx.el.div(table, class_name="scroll broad", tab_index=0, role="region", aria_label="Drift alarms")
    waiting = empty("Nothing has drifted: features, predictions and errors are what they were.")
    return panel("Drift alarms", rx.cond(page.alarms.length() > 0, shown, waiting), name="alarms")


def _alarm(it: Expression) -> View:
    also = rx.cond(it.also != "", rx.el.div("with it: ", it.also, class_name="sub"))
    return rx.el.tr(
        rx.el.td(it.at, class_name="nowrap"),
        rx.el.td(rx.el.div(it.told, class_name="strong"), also),
        rx.el.td(it.found),
        rx.el.td(it.event, class_name="num"),
        rx.el.td(rx.el.code(it.state)),
        key=it.state + it.told,
    )

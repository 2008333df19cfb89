"""Who competes, and how they do over time."""

from __future__ import annotations

import reflex as rx
from reflex.style import resolved_color_mode

from apps.dashboard.components.chart import score_chart
from apps.dashboard.components.frame import empty, panel, switch
from apps.dashboard.components.view import Expression, View
from apps.dashboard.state import UseCasePage

page: Expression = UseCasePage


def chart_panel() -> View:
    """Draw the scores of all who compete."""
    chart = score_chart(
        history=page.history,
        point=page.point,
        window=page.window,
        metric=page.card.metric,
        unit=page.card.unit,
        scheme=resolved_color_mode,
    )
    choices = switch(
        "Window",
        ("Recent", page.window == "recent", page.choose_window("recent")),
        ("Overall", page.window == "overall", page.choose_window("overall")),
    )
    waiting = empty("No truth is known yet, so there is no score. The first appears when the first label arrives.")
    return panel("Score over time", rx.cond(page.rows.length() > 0, chart, waiting), side=choices, name="scores")


def standing_panel() -> View:
    """List who competes."""
    it: Expression = page.card
    heads = rx.el.tr(
        rx.el.th("Name", scope="col"),
        rx.el.th("Recent", scope="col", class_name="num"),
        rx.el.th("Overall", scope="col", class_name="num"),
        rx.el.th(
            "vs champion", scope="col", class_name="num", title="Mean loss minus the champion's: below 0 is better"
        ),
    )
    table = rx.el.table(rx.el.thead(heads), rx.el.tbody(rx.foreach(page.rows, _row)))
    unit = rx.el.span(it.metric, rx.cond(it.unit != "", ", " + it.unit, ""), class_name="muted")
    waiting = empty("Nobody has been scored yet.")
    note = rx.el.p(
        "vs champion: mean loss minus the champion's on the same events; below 0 is better.", class_name="note"
    )
    shown = rx.fragment(
        rx.el.div(table, class_name="scroll", tab_index=0, role="region", aria_label="Who competes"), note
    )
    return panel("Who competes", rx.cond(page.rows.length() > 0, shown, waiting), side=unit, name="standing")


def _row(row: Expression) -> View:
    name = rx.el.th(
        rx.el.div(rx.el.span(class_name="key " + row.key, aria_hidden="true"), row.name, class_name="name"),
        rx.el.div(row.role, rx.cond(row.about != "", " · " + row.about, ""), class_name="sub"),
        rx.cond(row.others != "", rx.el.div(row.others, class_name="sub others")),
        scope="row",
    )
    return rx.el.tr(
        name,
        rx.el.td(row.recent, class_name="num strong"),
        rx.el.td(row.overall, class_name="num"),
        rx.el.td(row.versus, class_name="num " + row.tone),
        class_name=row.role,
        key=row.name,
    )

"""How everything flows, in one look."""

from __future__ import annotations

import reflex as rx

from apps.dashboard.components.frame import panel
from apps.dashboard.components.view import Expression, View
from apps.dashboard.state import Overview

page: Expression = Overview

COLUMNS = ("Predictions/s", "Training samples/s", "Consumer lag", "State age", "Checkpoint age", "Dead letters")


def health_panel() -> View:
    """List the figures of each use case."""
    heads = rx.el.tr(
        rx.el.th("Use case", scope="col"), *(rx.el.th(it, scope="col", class_name="num") for it in COLUMNS)
    )
    table = rx.el.table(rx.el.thead(heads), rx.el.tbody(rx.foreach(page.flows, _flow)))
    shown = rx.el.div(table, class_name="scroll broad", tab_index=0, role="region", aria_label="Health by use case")
    return panel("Health", shown, side=rx.el.span(page.flows_missing, class_name="muted"), name="health")


def _flow(it: Expression) -> View:
    return rx.el.tr(
        rx.el.th(it.name, scope="row"),
        rx.el.td(it.predictions, class_name="num strong"),
        rx.el.td(it.training_samples, class_name="num"),
        rx.el.td(it.lag, class_name="num"),
        rx.el.td(it.state_age, class_name="num " + it.state_tone),
        rx.el.td(it.checkpoint_age, class_name="num " + it.checkpoint_tone),
        rx.el.td(it.dead_letters, class_name="num"),
        key=it.name,
    )

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
    shown = rx.el.div(table, class_name="scroll stacked", tab_index=0, role="region", aria_label="Health by use case")
    return panel("Health", shown, side=rx.el.span(page.flows_missing, class_name="muted"), name="health")


def _flow(it: Expression) -> View:
    figures = (
        (it.predictions, "strong"),
        (it.training_samples, ""),
        (it.lag, ""),
        (it.state_age, it.state_tone),
        (it.checkpoint_age, it.checkpoint_tone),
        (it.dead_letters, ""),
    )
    return rx.el.tr(
        rx.el.th(it.name, scope="row"),
        *(_figure(*each) for each in zip(COLUMNS, figures, strict=True)),
        key=it.name,
    )


def _figure(title: str, figure: tuple[Expression, Expression]) -> View:
    """Show one figure; where there is no room for columns its title stands above it."""
    shown, tone = figure
    return rx.el.td(shown, class_name="num " + tone, custom_attrs={"data-title": title})

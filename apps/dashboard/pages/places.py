"""Where the newest predictions are about. Shown where events have places."""

from __future__ import annotations

import reflex as rx

from apps.dashboard.components.frame import panel
from apps.dashboard.components.view import Expression, View
from apps.dashboard.state import UseCasePage

page: Expression = UseCasePage


def places_panel() -> View:
    """Show the map."""
    told = "Each dot is where an event took place, a line the way from its first place to its last. Stronger is higher."
    return panel(
        "Where it is predicted", rx.el.p(told, class_name="lead"), rx.html(page.places, class_name="map"), name="places"
    )

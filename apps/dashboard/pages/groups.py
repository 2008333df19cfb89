"""What the clusters are like, and how their sizes go. Shown where events are grouped."""

from __future__ import annotations

import reflex as rx
from reflex.style import resolved_color_mode

from apps.dashboard.components.chart import score_chart
from apps.dashboard.components.frame import empty, panel
from apps.dashboard.components.view import Expression, View
from apps.dashboard.state import UseCasePage

page: Expression = UseCasePage


def clusters_panel() -> View:
    """Show each cluster as a card, and their shares over time."""
    chart = score_chart(
        history=page.sizes,
        point={},
        window="recent",
        metric="Share of events",
        unit="%",
        scheme=resolved_color_mode,
        label="Share of the events in each cluster over time; the cards beside it give the newest",
    )
    cards = rx.el.ul(rx.foreach(page.groups, _card), class_name="groups", id="groups")
    waiting = empty("No cluster has members yet. The first are found after some hundred events.")
    shown = rx.fragment(rx.cond(page.sizes["at"].length() > 1, rx.el.div(chart, class_name="sizes")), cards)
    side = rx.el.span(page.groups_told, class_name="muted")
    return panel("Clusters", rx.cond(page.groups.length() > 0, shown, waiting), side=side, name="clusters")


def _card(it: Expression) -> View:
    head = rx.el.div(
        rx.el.span(class_name="key " + it.key, aria_hidden="true"),
        rx.el.strong("Cluster ", it.id),
        rx.el.span(it.trend, class_name="trend " + it.tone),
        rx.el.span(it.share, class_name="share"),
        class_name="group-head",
    )
    return rx.el.li(
        head,
        rx.el.p(it.words, class_name="group-words"),
        rx.el.p(it.size, " · since ", it.since, class_name="sub"),
        _measures(it),
        _samples(it),
        class_name="group",
        key=it.id,
    )


def _measures(it: Expression) -> View:
    heads = rx.el.tr(
        rx.el.th("Feature", scope="col"),
        rx.el.th("Mean", scope="col", class_name="num"),
        rx.el.th("All", scope="col", class_name="num"),
        rx.el.th("Most lie in", scope="col", class_name="num"),
    )
    return rx.el.table(rx.el.thead(heads), rx.el.tbody(rx.foreach(it.measures, _measure)), class_name="measures")


def _measure(it: Expression) -> View:
    return rx.el.tr(
        rx.el.th(it.name, scope="row", class_name="plain"),
        rx.el.td(it.mean, class_name="num strong " + it.tone),
        rx.el.td(it.overall, class_name="num"),
        rx.el.td(it.middle, class_name="num nowrap"),
    )


def _samples(it: Expression) -> View:
    lines = rx.el.ul(rx.foreach(it.samples, lambda text: rx.el.li(text)), class_name="samples")
    return rx.el.details(rx.el.summary("Sample events"), lines)

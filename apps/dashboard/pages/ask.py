"""The form, made from the event's own type, and the answer."""

from __future__ import annotations

from typing import Any

import reflex as rx

from apps.dashboard.components.frame import empty, panel
from apps.dashboard.components.view import Expression, View
from apps.dashboard.state import Ask
from apps.dashboard.tables import Named

ask: Expression = Ask


def form_panel() -> View:
    """Show the form. Its inputs keep what is typed; they are made anew when the form is filled anew."""
    buttons = rx.el.div(
        rx.el.button(
            "Randomize all fields",
            type="button",
            on_click=ask.randomize,
            disabled=ask.busy != "",
            class_name="button",
            id="randomize",
        ),
        rx.el.button(
            rx.cond(ask.busy == "predict", "Predicting", "Predict"),
            type="submit",
            disabled=ask.busy != "",
            class_name="button main",
            id="predict",
        ),
        class_name="buttons",
    )
    form = rx.el.form(
        rx.el.div(rx.foreach(ask.fields, _field), class_name="fields"),
        rx.cond(ask.trouble != "", rx.el.p(ask.trouble, role="alert", class_name="trouble")),
        buttons,
        on_submit=ask.predict,
        no_validate=True,  # the form says in its own words, at the field, what is wrong
        key=ask.version.to_string(),
    )
    waiting = empty("The event's fields are not known yet.")
    needed = rx.el.span(rx.el.span("*", class_name="star"), " needed", class_name="muted")
    return panel("Ask about an event", rx.cond(ask.fields.length() > 0, form, waiting), side=needed, name="ask")


def _field(it: Expression) -> View:
    label = rx.el.label(
        it.title,
        rx.cond(it.required, rx.el.span("*", class_name="star", aria_hidden="true")),
        rx.cond(it.unit != "", rx.el.span(it.unit, class_name="unit")),
        html_for="field-" + it.name,
    )
    hint = rx.cond(it.error != "", rx.el.span(it.error, class_name="error", id="error-" + it.name), _hint(it))
    bad = rx.cond(it.error != "", "field bad", "field")
    return rx.el.div(label, _input(it), hint, class_name=bad, key=it.name)


def _hint(it: Expression) -> View:
    optional = rx.cond(
        it.required, "", rx.cond(it.name == "occurred_at", "empty: now, or the stream's time", "may be empty")
    )
    return rx.el.span(rx.cond(it.hint != "", it.hint, optional), class_name="hint")


def _input(it: Expression) -> View:
    common: dict[str, Any] = {
        "id": "field-" + it.name,
        "name": it.name,
        "default_value": it.value,
        "aria_required": rx.cond(it.required, "true", "false"),
        "aria_invalid": rx.cond(it.error != "", "true", "false"),
        "aria_describedby": rx.cond(it.error != "", "error-" + it.name, ""),
        "auto_complete": "off",
    }
    return rx.match(
        it.kind,
        ("number", rx.el.input(type="number", min=it.low, max=it.high, step=it.step, input_mode="decimal", **common)),
        ("moment", rx.el.input(type="datetime-local", **common)),
        ("choice", _select(rx.foreach(it.choices.to(list[str]), lambda one: rx.el.option(one, value=one)), common)),
        ("yes-no", _select(rx.fragment(rx.el.option("yes", value="yes"), rx.el.option("no", value="no")), common)),
        rx.el.input(type="text", **common),
    )


def _select(options: View, common: dict[str, Any]) -> View:
    return rx.el.select(rx.el.option("–", value=""), options, **common)


def answer_panel() -> View:
    """Show the answer."""
    waiting = empty("Fill the form and press Predict. The answer names the exact state that gave it.")
    shown = rx.cond(ask.reply.state_id != "", _answer(), waiting)
    return panel("Answer", rx.el.div(shown, aria_live="polite"), name="answer")


def _answer() -> View:
    it: Expression = ask.reply
    return rx.fragment(
        rx.el.div(
            rx.el.span(rx.cond(it.value != "", it.value, "–"), class_name="huge", id="answer-value"),
            rx.el.span(it.unit, class_name="huge-unit"),
            class_name="answer",
        ),
        rx.cond(it.words != "", rx.el.p(it.words, class_name="group-words", id="answer-words")),
        rx.cond(it.degraded != "", rx.el.p("Degraded: ", it.degraded, class_name="reason")),
        rx.el.dl(
            _pair("State", rx.el.code(it.state_id, id="answer-state")),
            _pair("Learnt until", it.until),
            _pair("Champion", it.champion),
            _pair("Served from", it.serving),
            class_name="facts pairs",
        ),
        rx.el.h3("Every candidate and baseline"),
        rx.el.table(rx.el.tbody(rx.foreach(it.estimates.to(list[Named]), _value))),
        rx.el.details(
            rx.el.summary("Features the models saw"),
            rx.el.dl(rx.foreach(it.features.to(list[Named]), _feature), class_name="features"),
            open=True,
        ),
    )


def _pair(name: str, value: Any) -> View:
    return rx.el.div(rx.el.dt(name), rx.el.dd(value))


def _value(it: Expression) -> View:
    name = rx.el.th(
        rx.el.div(rx.el.span(class_name="key " + it.key, aria_hidden="true"), it.name, class_name="name"), scope="row"
    )
    return rx.el.tr(name, rx.el.td(it.role, class_name="muted"), rx.el.td(it.value, class_name="num strong"))


def _feature(it: Expression) -> View:
    return rx.el.div(rx.el.dt(it.name), rx.el.dd(it.value))

"""The form a question is asked with: fields from the event's JSON Schema, and the event back from what was typed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from apps.dashboard import words
from millrace.domain.errors import Refused

OCCURRED_AT = "occurred_at"
_PLACE_HINT = "latitude, longitude"
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")


@dataclass(frozen=True)
class Field:
    """One field of the form. `value`, `low`, `high` and `step` are as an HTML input has them, as text."""

    name: str
    title: str
    kind: str
    """`text`, `number`, `moment`, `choice`, `yes-no`, `place` (latitude, longitude) or `other` (anything else, as JSON)."""
    required: bool = False
    unit: str = ""
    hint: str = ""
    choices: list[str] = field(default_factory=list)
    value: str = ""
    low: str = ""
    high: str = ""
    step: str = "any"
    error: str = ""


def fields(schema: Mapping[str, Any], example: Mapping[str, Any] | None = None) -> list[Field]:
    """Make the form's fields, in the schema's order, filled with an example where there is one.

    The time an event occurred need not be told: the API takes the present, or the stream's time.
    """
    definitions = schema.get("$defs", {})
    event = _resolved(schema, definitions)
    required = set(event.get("required", ())) - {OCCURRED_AT}
    known = example or {}
    return [
        _filled(_field(name, _resolved(its, definitions), name in required, known.get(name)), known.get(name))
        for name, its in event.get("properties", {}).items()
    ]


def filled(form: list[Field], event: Mapping[str, Any]) -> list[Field]:
    """Put an event's values into a form, and take the errors away."""
    return [_filled(replace(it, error=""), event.get(it.name)) for it in form]


def typed(form: list[Field], texts: Mapping[str, Any]) -> list[Field]:
    """Keep in a form what was typed into it, and take the errors away."""
    return [replace(it, value=str(texts.get(it.name) or ""), error="") for it in form]


def blamed(form: list[Field], name: str, message: str) -> list[Field]:
    """Show a message at the field it is about."""
    return [replace(it, error=message) if it.name == name else it for it in form]


def event(form: list[Field], texts: Mapping[str, Any]) -> dict[str, Any]:
    """Make the event from what was typed; a field left empty is left out. Raise `Refused` at the first wrong field."""
    read = {it.name: _read(it, str(texts.get(it.name) or "").strip()) for it in form}
    return {name: value for name, value in read.items() if value is not None}


def _resolved(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Follow a reference, and see through "this or nothing"."""
    if "$ref" in schema:
        return {**_resolved(definitions.get(str(schema["$ref"]).rsplit("/", 1)[-1], {}), definitions), **_own(schema)}
    options = [it for it in schema.get("anyOf", schema.get("oneOf", ())) if it.get("type") != "null"]
    if len(options) == 1:
        return {**_resolved(options[0], definitions), **_own(schema)}
    return dict(schema)


def _own(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in schema.items() if name not in ("$ref", "$defs", "anyOf", "oneOf")}


def _field(name: str, its: Mapping[str, Any], required: bool, sample: object) -> Field:
    kind = _kind(its, sample)
    options = [it for it in its.get("enum", ()) if it is not None]
    whole = _type(its) == "integer" or (bool(options) and all(isinstance(it, int) for it in options))
    low, high = _bound(its, "minimum", "exclusiveMinimum"), _bound(its, "maximum", "exclusiveMaximum")
    return Field(
        name=name,
        title=words.title(name),
        kind=kind,
        required=required,
        unit=str(its.get("unit", "")) or ("UTC" if kind == "moment" else ""),
        hint=_PLACE_HINT if kind == "place" else str(its.get("description", "")) or _range(low, high),
        choices=[str(it) for it in options],
        low=low,
        high=high,
        step="1" if whole else "any",
    )


def _type(its: Mapping[str, Any]) -> str:
    kinds = its.get("type", "")
    return next((str(it) for it in kinds if it != "null"), "") if isinstance(kinds, list) else str(kinds)


def _kind(its: Mapping[str, Any], sample: object) -> str:
    """Tell a field's kind; a time without a format is known by its example."""
    if "enum" in its:
        return "choice"
    kind = _type(its)
    if set(its.get("properties", ())) == {"lat", "lon"}:
        return "place"
    if kind == "string" and (its.get("format") == "date-time" or (isinstance(sample, str) and _MOMENT.match(sample))):
        return "moment"
    return {"string": "text", "number": "number", "integer": "number", "boolean": "yes-no"}.get(kind, "other")


def _bound(its: Mapping[str, Any], *names: str) -> str:
    return next((f"{its[name]:g}" for name in names if isinstance(its.get(name), int | float)), "")


def _range(low: str, high: str) -> str:
    if low and high:
        return f"{low} to {high}"
    return f"at least {low}" if low else f"at most {high}" if high else ""


def _filled(it: Field, value: object) -> Field:
    return replace(it, value=_written(it.kind, value))


def _written(kind: str, value: object) -> str:
    if value is None:
        return ""
    if kind == "moment":
        at = words.parse(str(value))
        return at.isoformat(timespec="seconds" if at.second else "minutes").removesuffix("+00:00") if at else ""
    if kind == "yes-no":
        return "yes" if value else "no"
    if kind == "place" and isinstance(value, Mapping):
        return f"{value.get('lat')}, {value.get('lon')}"
    if kind in ("other", "place"):
        return json.dumps(value)
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _read(it: Field, text: str) -> Any:
    if not text:
        if it.required:
            raise Refused("This is needed.", field=it.name)
        return None
    match it.kind:
        case "number":
            return _number(it, text)
        case "moment":
            return _moment(it, text)
        case "yes-no":
            return text == "yes"
        case "choice":
            return int(text) if it.step == "1" else text
        case "place":
            return _place(it, text)
        case "other":
            return _json(it, text)
        case _:
            return text


def _number(it: Field, text: str) -> float | int:
    try:
        return int(text) if it.step == "1" else float(text)
    except ValueError:
        kind = "a whole number" if it.step == "1" else "a number"
        raise Refused(f"This must be {kind}, not {text!r}.", field=it.name) from None


def _moment(it: Field, text: str) -> str:
    at = words.parse(text)
    if at is None:
        raise Refused(f"This must be a date and a time, not {text!r}.", field=it.name)
    return at.isoformat().replace("+00:00", "Z")


def _place(it: Field, text: str) -> dict[str, float]:
    try:
        lat, lon = (float(one) for one in text.split(","))
    except ValueError:
        raise Refused(f"This must be latitude and longitude, as in 52.52, 13.4, not {text!r}.", field=it.name) from None
    return {"lat": lat, "lon": lon}


def _json(it: Field, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise Refused('This must be JSON, as in [1, 2] or {"a": 1}.', field=it.name) from None

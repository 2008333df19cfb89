"""What a PromQL query asks for: parsed, so that each metric and label is held against the catalogues."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

import promql_parser

from millrace.runtime.telemetry import EVERY, SPECS
from observability.foreign import FOREIGN, TELLERS, Source

ADDED = {"job", "instance"}
"""What Prometheus adds to every series it scrapes."""
VARIABLES = {
    "$__rate_interval": "1m",
    "$__range": "1h",
    "$use_case": ".*",
    "$namespace": ".*",
}
"""What stands in dashboards for what is chosen there, with something that is always right."""


_COMPARING = {"==", "!=", ">", "<", ">=", "<=", "and", "or", "unless"}


class Asked(NamedTuple):
    """One metric that a query asks for, with the labels it selects by."""

    metric: str
    labels: frozenset[str]


def plain(query: str) -> str:
    """Return a dashboard's query as Prometheus takes it."""
    for variable, value in VARIABLES.items():
        query = query.replace(variable, value)
    return query


def asked(query: str) -> list[Asked]:
    """Return all metrics that a query asks for; raise `ValueError` when it is no PromQL."""
    found: list[Asked] = []

    def visit(expr: promql_parser.Expr) -> None:
        if isinstance(expr, promql_parser.VectorSelector):
            matchers = expr.matchers.matchers
            name = expr.name or next(it.value for it in matchers if it.name == "__name__")
            found.append(Asked(name, frozenset(it.name for it in matchers) - {"__name__"}))

    promql_parser.walk(promql_parser.parse(plain(query)), visit)
    return found


def operands(query: str) -> Iterator[str]:
    """Yield what a query compares: an alert that is quiet has no data itself, and each of these must have some."""
    yield from _operands(promql_parser.parse(plain(query)))


def _operands(expr: promql_parser.Expr) -> Iterator[str]:
    if isinstance(expr, promql_parser.ParenExpr):
        yield from _operands(expr.expr)
    elif isinstance(expr, promql_parser.BinaryExpr) and str(expr.op) in _COMPARING:
        for side in (expr.lhs, expr.rhs):
            yield from _operands(side)
    elif isinstance(expr, promql_parser.Call) and expr.func.name == "absent":
        for each in expr.args:
            yield from _operands(each)
    elif not isinstance(expr, promql_parser.NumberLiteral):
        yield expr.prettify()


def known(metric: str) -> frozenset[str] | None:
    """Return the labels of a metric; `None` for one that is in no catalogue."""
    if metric in FOREIGN:
        return frozenset(FOREIGN[metric].labels) | ADDED
    for spec in SPECS.values():
        if metric in spec.series:
            more = {"le"} if metric.endswith("_bucket") else set()
            return frozenset(spec.labels) | ADDED | more
    return None


def faults(query: str) -> Iterator[str]:
    """Yield what is wrong with a query: metrics and labels that nobody exposes."""
    allowed: set[str] = set()
    for metric, labels in asked(query):
        its = known(metric)
        if its is None:
            yield f"{metric} is in no catalogue"
            continue
        allowed |= its
        yield from (f"{metric} has no label {label}" for label in sorted(labels - its))
    yield from (f"no metric in it has the label {label}" for label in sorted(_grouped_by(query) - allowed))


def parts(query: str) -> set[str]:
    """Return the parts of ours that a query needs; `every` stands for any of them."""
    return {spec.part for metric, _ in asked(query) for spec in SPECS.values() if metric in spec.series} or {EVERY}


def sources(query: str) -> set[Source]:
    """Return those who are not everywhere and must be, for a query to have data."""
    tellers = {teller for job, teller in TELLERS.items() if job in query}
    return tellers | {its for metric, _ in asked(query) if (its := _source(metric)) and not its.anywhere}


def elsewhere(query: str, here: Collection[Source] = ()) -> str:
    """Return why a query has no data where only parts of ours, and those that are `here`, run; empty when it has."""
    return "; ".join(sorted(f"{it.name}: {it.where}" for it in sources(query) - set(here)))


def _source(metric: str) -> Source | None:
    return FOREIGN[metric].source if metric in FOREIGN else None


def _grouped_by(query: str) -> set[str]:
    """Return the labels that a query groups by, matches on or takes along."""
    lists = re.findall(r"\b(?:by|on|group_left|group_right|without|ignoring)\s*\(([^)]*)\)", query)
    return {label.strip() for each in lists for label in each.split(",")} - {""}

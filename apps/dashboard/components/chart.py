"""The chart of scores over time: ECharts, fed its history once and then one point at a time."""

from __future__ import annotations

from typing import Any

import reflex as rx

ECHARTS = "echarts@6.0.0"


class ScoreChart(rx.NoSSRComponent):
    """Scores over time; `chart.js` draws it. It needs the browser's canvas, so it is not rendered ahead."""

    library = rx.asset("chart.js", shared=True).importable_path
    tag = "ScoreChart"
    lib_dependencies: list[str] = [ECHARTS]  # noqa: RUF012 - a field of Reflex's component, not a shared default

    history: rx.Var[dict[str, Any]]
    point: rx.Var[dict[str, Any]]
    window: rx.Var[str]
    metric: rx.Var[str]
    unit: rx.Var[str]
    scheme: rx.Var[str]
    label: rx.Var[str]


score_chart = ScoreChart.create

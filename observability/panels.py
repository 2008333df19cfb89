"""Dashboards as plain values, and how they become Grafana's JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import units

SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
RATE = "$__rate_interval"
WIDTH = 24
UNITS = {
    "seconds": units.Seconds,
    "bytes": units.BytesIEC,
    "bytes/s": units.BytesPerSecondSI,
    "ratio": units.PercentUnit,
    "per second": units.CountsPerSecond,
    "time": units.DatetimeISO,
    "": units.Short,
}
Unit = Literal["seconds", "bytes", "bytes/s", "ratio", "per second", "time", ""]
Kind = Literal["line", "number"]


@dataclass(frozen=True)
class Panel:
    """One panel. `queries` maps legends to PromQL; what is a `time` is in milliseconds since 1970.

    From `warn` and `bad` on a number is coloured, downwards if `bad` is less.
    """

    title: str
    about: str
    queries: dict[str, str]
    unit: Unit = ""
    kind: Kind = "line"
    width: int = 8
    warn: float | None = None
    bad: float | None = None


@dataclass(frozen=True)
class Board:
    """One dashboard: rows of panels. `variables` maps names to the series whose label of that name is chosen from."""

    uid: str
    title: str
    about: str
    rows: dict[str, list[Panel]]
    variables: dict[str, str] = field(default_factory=dict)

    def panels(self) -> list[Panel]:
        """Return all its panels."""
        return [panel for row in self.rows.values() for panel in row]


def line(title: str, about: str, queries: dict[str, str], *, unit: Unit = "", width: int = 8) -> Panel:
    """Return a panel of lines over time, one query a legend."""
    return Panel(title, about, queries, unit, "line", width)


def written(board: Board) -> str:
    """Return a dashboard as Grafana's JSON."""
    made = (
        dashboard.Dashboard(board.title)
        .uid(f"{board.uid}")
        .description(board.about)
        .tags(["millrace"])
        .readonly()
        .time("now-1h", "now")
        .refresh("10s")
        .timezone("utc")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .link(_others())
        .with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
    )
    for name, series in board.variables.items():
        made = made.with_variable(_variable(name, series))
    for title, panels in board.rows.items():
        made = made.with_row(dashboard.Row(title))
        for panel in panels:
            made = made.with_panel(_panel(panel))
    return JSONEncoder(sort_keys=True, indent=2).encode(made.build())


def _others() -> dashboard.DashboardLink:
    return (
        dashboard.DashboardLink("Millrace").tags(["millrace"]).type(models.DashboardLinkType.DASHBOARDS).keep_time(True)
    )


def _variable(name: str, series: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(name)
        .label(name.replace("_", " ").capitalize())
        .query(f"label_values({series}, {name})")
        .datasource(SOURCE)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .include_all(True)
        .multi(True)
        .all_value(".*")
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .current(models.VariableOption(text="All", value="$__all", selected=True))
    )


def _panel(panel: Panel) -> timeseries.Panel | stat.Panel:
    made: timeseries.Panel | stat.Panel = _lines() if panel.kind == "line" else _number()
    made = made.title(panel.title).description(panel.about).datasource(SOURCE).unit(UNITS[panel.unit])
    made = made.span(panel.width).height(8 if panel.kind == "line" else 4).thresholds(_steps(panel))
    for number, (legend, query) in enumerate(panel.queries.items()):
        target = (
            prometheus.Dataquery().expr(query).legend_format(legend).ref_id(chr(ord("A") + number)).datasource(SOURCE)
        )
        made = made.with_target(target)
    return made


def _lines() -> timeseries.Panel:
    legend = (
        common.VizLegendOptions()
        .display_mode(shapes.LegendDisplayMode.LIST)
        .placement(shapes.LegendPlacement.BOTTOM)
        .show_legend(True)
    )
    tooltip = common.VizTooltipOptions().mode(shapes.TooltipDisplayMode.MULTI)
    return timeseries.Panel().line_width(2).fill_opacity(8).legend(legend).tooltip(tooltip).min(0)


def _number() -> stat.Panel:
    newest = common.ReduceDataOptions().calcs(["lastNotNull"])
    return stat.Panel().reduce_options(newest).graph_mode(shapes.BigValueGraphMode.AREA).no_value("–")


def _steps(panel: Panel) -> dashboard.ThresholdsConfig:
    warn, bad = panel.warn, panel.bad
    if bad is None or warn is None:
        steps = [models.Threshold(color="blue")]
    elif bad >= warn:
        steps = [_step("green"), _step("orange", warn), _step("red", bad)]
    else:
        steps = [_step("red"), _step("orange", bad), _step("green", warn)]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


def _step(color: str, at: float | None = None) -> models.Threshold:
    return models.Threshold(value=at, color=color)

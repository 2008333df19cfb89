import { createElement, useEffect, useRef } from "react";
import * as echarts from "echarts/core";
import { LineChart } from "echarts/charts";
import { GridComponent, LegendComponent, TooltipComponent } from "echarts/components";
import { CanvasRenderer } from "echarts/renderers";

echarts.use([LineChart, GridComponent, LegendComponent, TooltipComponent, CanvasRenderer]);

const MOST = 900;
const ORDER = { champion: 0, challenger: 1, baseline: 2, suspended: 3 };
const TICKS = { year: "{yyyy}", month: "{MMM} {yyyy}", day: "{d} {MMM}", hour: "{HH}:{mm}", minute: "{HH}:{mm}", second: "{HH}:{mm}:{ss}" };
const DASHES = [[6, 4], [2, 3], [9, 3, 2, 3]];

// A series of moments that starts as the whole history and grows by one point a push.
function begin(history) {
  const at = [...(history.at || [])];
  const copy = (lines) => Object.fromEntries(Object.entries(lines || {}).map(([name, line]) => [name, [...line]]));
  return { at, recent: copy(history.recent), overall: copy(history.overall), keys: { ...(history.keys || {}) } };
}

function grow(series, point) {
  if (!point || !point.at || point.at <= (series.at.at(-1) ?? 0)) return false;
  series.at.push(point.at);
  series.keys = { ...series.keys, ...point.keys };
  for (const window of ["recent", "overall"]) {
    for (const name of Object.keys(series.keys)) {
      const line = (series[window][name] ??= new Array(series.at.length - 1).fill(null));
      line.push(point[window]?.[name] ?? null);
    }
  }
  if (series.at.length > MOST) thin(series);
  return true;
}

// Every second moment of the older half goes: the whole past stays in view at a bounded size.
function thin(series) {
  const keep = (_, i) => i > MOST / 2 || i % 2 === 0;
  series.at = series.at.filter(keep);
  for (const window of ["recent", "overall"]) {
    for (const name of Object.keys(series[window])) series[window][name] = series[window][name].filter(keep);
  }
}

function colours(element) {
  const style = getComputedStyle(element);
  const read = (name) => style.getPropertyValue(name).trim();
  return {
    text: read("--text"),
    muted: read("--muted"),
    line: read("--line"),
    surface: read("--raised"),
    of: (key) => read(`--${key}`) || read("--baseline-1"),
  };
}

function lines(series, window, palette) {
  const role = (name) => series.keys[name].replace(/-\d+$/, "");
  const place = (name) => ORDER[role(name)] ?? 0;
  const names = Object.keys(series.keys).sort((a, b) => place(a) - place(b));
  return names.map((name) => {
    const leads = role(name) === "champion";
    const nth = Number(series.keys[name].split("-").pop()) - 1;
    return {
      name,
      type: "line",
      symbol: "none",
      sampling: "lttb",
      connectNulls: true,
      z: leads ? 5 : 3,
      color: palette.of(series.keys[name]),
      lineStyle: { width: leads ? 2.5 : 1.5, type: role(name) === "baseline" ? DASHES[nth % 3] : "solid" },
      emphasis: { focus: "series" },
      data: series.at.map((at, i) => [at, series[window][name]?.[i] ?? null]),
    };
  });
}

// The first few scores, over hardly any labels, would flatten everything after them: they may leave the frame.
function extent(drawn) {
  const values = drawn.flatMap((it) => it.data.slice(it.data.length > 20 ? Math.ceil(it.data.length * 0.05) : 0).map((d) => d[1]));
  const known = values.filter((it) => it !== null);
  if (!known.length) return {};
  const low = known.reduce((a, b) => Math.min(a, b));
  const high = known.reduce((a, b) => Math.max(a, b));
  const room = (high - low || Math.abs(high) || 1) * 0.08;
  const rough = (high - low + 2 * room) / 5;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((it) => it * size).find((it) => it >= rough);
  const from = Math.floor((low - room) / step) * step;
  return { min: low >= 0 ? Math.max(0, from) : from, max: Math.ceil((high + room) / step) * step, interval: step };
}

const short = (value) => Number(value).toLocaleString("en", { maximumSignificantDigits: 4 });
const clock = (at) => new Date(at).toISOString().slice(0, 16).replace("T", " ") + " UTC";
const clean = (text) => String(text).replace(/[&<>"]/g, (it) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[it]);

function tooltip(items, unit) {
  const seen = items.filter((it) => it.value[1] !== null).sort((a, b) => a.value[1] - b.value[1]);
  const row = (it) =>
    `<div class="tip-row">${it.marker}<span>${clean(it.seriesName)}</span><b>${short(it.value[1])} ${clean(unit)}</b></div>`;
  return seen.length ? `<div class="tip-time">${clock(seen[0].value[0])}</div>${seen.map(row).join("")}` : "";
}

function option(series, element, window, name, unit) {
  const palette = colours(element);
  const drawn = lines(series, window, palette);
  const font = { color: palette.muted, fontFamily: getComputedStyle(element).fontFamily, fontSize: 12 };
  return {
    animation: false,
    useUTC: true,
    textStyle: font,
    grid: { left: 8, right: 12, top: 34, bottom: 40, containLabel: true },
    legend: { type: "scroll", bottom: 0, left: 0, itemWidth: 22, itemHeight: 8, itemStyle: { opacity: 0 }, textStyle: { ...font, color: palette.text },
      pageTextStyle: font, pageIconColor: palette.muted, pageIconInactiveColor: palette.line },
    tooltip: { trigger: "axis", confine: true, backgroundColor: palette.surface, borderColor: palette.line,
      textStyle: { ...font, color: palette.text }, formatter: (items) => tooltip(items, unit),
      axisPointer: { lineStyle: { color: palette.muted } } },
    xAxis: { type: "time", axisLine: { lineStyle: { color: palette.line } }, axisTick: { show: false },
      axisLabel: { ...font, hideOverlap: true, formatter: TICKS }, splitLine: { show: false } },
    yAxis: { type: "value", ...extent(drawn), name: unit ? `${name} (${unit})` : name, nameTextStyle: { ...font, align: "left" },
      nameGap: 16, nameLocation: "end", axisLabel: { ...font, formatter: short },
      splitLine: { lineStyle: { color: palette.line, type: "solid" } } },
    series: drawn,
  };
}

/** Scores over time. `history` starts it, each `point` continues it; `scheme` changes when its colours must. */
export function ScoreChart({ history, point, window, metric, unit, scheme, label }) {
  const element = useRef(null);
  const chart = useRef(null);
  const series = useRef(begin({}));
  const draw = () => {
    if (chart.current && element.current) {
      chart.current.setOption(option(series.current, element.current, window, metric, unit), { replaceMerge: ["series"] });
    }
  };
  useEffect(() => {
    chart.current = echarts.init(element.current);
    const watcher = new ResizeObserver(() => chart.current?.resize());
    watcher.observe(element.current);
    return () => {
      watcher.disconnect();
      chart.current.dispose();
      chart.current = null;
    };
  }, []);
  useEffect(() => {
    series.current = begin(history || {});
    draw();
  }, [history]);
  useEffect(() => {
    if (grow(series.current, point)) draw();
  }, [point]);
  useEffect(() => {
    const frame = requestAnimationFrame(draw);
    return () => cancelAnimationFrame(frame);
  }, [window, metric, unit, scheme]);
  const scores = `${metric} over time of all who compete; the table beside it gives the newest values`;
  return createElement("div", { ref: element, className: "chart", role: "img", "aria-label": label ?? scores });
}

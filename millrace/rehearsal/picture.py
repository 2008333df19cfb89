"""A rehearsal as one self-contained HTML file: what was asked, who did how well, period by period."""

from __future__ import annotations

from html import escape

from millrace.domain.metrics import badness, best, direction
from millrace.rehearsal.report import Period, Report

WIDTH, HEIGHT = 860, 320
LEFT, RIGHT, TOP, BOTTOM = 52, 32, 16, 36
COLOURS = ("#0b6e6e", "#c2571a", "#5a4fcf", "#8a6d00", "#a3195b", "#3d6b21", "#666666", "#0a5fb4")

_STYLE = """
:root { color-scheme: light dark; --ink: #1b2327; --soft: #5c6a70; --line: #dde3e5; --paper: #ffffff; --card: #f6f8f8; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8edee; --soft: #9aa8ad; --line: #2f3a3f; --paper: #14191b; --card: #1b2225; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 0 auto; max-width: 900px;
  padding: 40px 20px; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 4px; } h2 { font-size: 1.1rem; margin: 36px 0 8px; }
.soft { color: var(--soft); }
.facts { display: flex; flex-wrap: wrap; gap: 12px; margin: 24px 0 0; padding: 0; list-style: none; }
.facts li { background: var(--card); border-radius: 8px; padding: 10px 16px; } .facts b { display: block; font-size: 1.25rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 6px 10px; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } th { font-weight: 600; color: var(--soft); } .best { font-weight: 700; }
svg { width: 100%; height: auto; } svg text { fill: var(--soft); font: 12px system-ui, sans-serif; }
.legend { display: flex; flex-wrap: wrap; gap: 6px 18px; padding: 0; list-style: none; }
.legend i { display: inline-block; width: 14px; height: 3px; margin-right: 6px; vertical-align: middle; }
code { overflow-wrap: anywhere; }
"""


def picture(report: Report) -> str:
    """Return a rehearsal's report as an HTML page that needs nothing else."""
    names = report.contestants
    title = f"Rehearsal of {report.use_case}"
    return "\n".join(
        [
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<style>{_STYLE}</style></head><body>",
            f'<p class="soft">{escape(title)}</p><h1>{escape(report.question)}</h1>',
            _facts(report),
            f"<h2>{escape(_metric(report))} by {report.by} ({direction(report.metric)})</h2>",
            _chart(report.periods, names),
            _legend(report, names),
            _overall(report),
            _by_period(report, names),
            '<p class="soft">Prequential: every event is predicted before anything is learnt from it, and labels arrive when '
            f"they would have. State <code>{escape(report.state_id)}</code>, digest <code>{escape(report.digest)}</code>.</p>",
            "</body></html>",
        ]
    )


def number(score: float | None) -> str:
    """Write a score with as many places as it deserves; a dash where there is none.

    >>> number(12.345), number(0.3591), number(None)
    ('12.35', '0.359', '–')
    """
    if score is None:
        return "–"
    return f"{score:.3f}" if abs(score) < 1 else f"{score:.2f}"


def _metric(report: Report) -> str:
    return f"{report.metric}, {report.unit}" if report.unit else report.metric


def _facts(report: Report) -> str:
    champion = report.candidates.get(report.champion or "")
    best = min(report.baselines.items(), key=lambda it: badness(report.metric, it[1]), default=None)
    facts = [
        (f"{report.events:,}", "events"),
        (f"{report.labels:,}", "labels learnt"),
        (f"{report.events_per_second:,.0f}", "events a second"),
    ]
    if champion is not None:
        facts.insert(0, (number(champion.overall), f"{_metric(report)}: champion, {report.champion}"))
    if best is not None:
        facts.insert(1, (number(best[1]), f"best baseline: {best[0]}"))
    return '<ul class="facts">' + "".join(f"<li><b>{v}</b>{escape(what)}</li>" for v, what in facts) + "</ul>"


def _chart(periods: list[Period], names: list[str]) -> str:
    values = [score for period in periods for score in period.scores.values()]
    if not values:
        return "<p>No label was settled, so there is nothing to show.</p>"
    low, high = min(values), max(values)
    pad = (high - low) * 0.08 or 1.0
    low, high = low - pad, high + pad

    def x(index: int) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (index / max(len(periods) - 1, 1))

    def y(score: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - score) / (high - low)

    grid = [_gridline(y(at), number(at)) for at in (low + (high - low) * step / 4 for step in range(5))]
    ticks = [
        f'<text x="{x(index):.1f}" y="{HEIGHT - 12}" text-anchor="middle">{escape(period.name)}</text>'
        for index, period in enumerate(periods)
        if index % max(1, len(periods) // 8) == 0
    ]
    lines = []
    for colour, name in zip(_colours(names), names, strict=True):
        points = [(x(index), y(period.scores[name])) for index, period in enumerate(periods) if name in period.scores]
        path = " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
        lines.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5"/>')
        lines += [f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3" fill="{colour}"/>' for px, py in points]
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Scores by period">{"".join(grid + ticks + lines)}</svg>'


def _gridline(y: float, at: str) -> str:
    return (
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="currentColor" opacity="0.12"/>'
        f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{at}</text>'
    )


def _colours(names: list[str]) -> list[str]:
    return [COLOURS[index % len(COLOURS)] for index in range(len(names))]


def _legend(report: Report, names: list[str]) -> str:
    items = [
        f'<li><i style="background:{colour}"></i>{escape(name)} <span class="soft">{_role(report, name)}</span></li>'
        for colour, name in zip(_colours(names), names, strict=True)
    ]
    return f'<ul class="legend">{"".join(items)}</ul>'


def _role(report: Report, name: str) -> str:
    if name == report.champion:
        return "champion"
    return "challenger" if name in report.candidates else "baseline"


def _overall(report: Report) -> str:
    rows = [
        (name, _role(report, name), number(it.overall), number(it.recent)) for name, it in report.candidates.items()
    ] + [(name, "baseline", number(score), "") for name, score in report.baselines.items()]
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        "<h2>Overall</h2><div class='wide'><table><tr><th></th><th>role</th><th>overall</th>"
        f"<th>recent labels</th></tr>{body}</table></div>"
    )


def _by_period(report: Report, names: list[str]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in [report.by, "labels", *names])
    return (
        f"<h2>By {report.by}</h2><div class='wide'><table><tr>{head}</tr>"
        + "".join(_row(period, names, report.metric) for period in report.periods)
        + "</table></div>"
    )


def _row(period: Period, names: list[str], metric: str) -> str:
    top = best(metric, period.scores.values())
    cells = [
        f"<td{' class=best' if period.scores.get(name) == top else ''}>{number(period.scores[name])}</td>"
        if name in period.scores
        else "<td>–</td>"
        for name in names
    ]
    return f"<tr><td>{escape(period.name)}</td><td>{period.labels:,}</td>{''.join(cells)}</tr>"

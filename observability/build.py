"""Writes what is watched: `python -m observability.build`."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from observability.alert import RUNBOOKS, contents
from observability.alerts import GROUPS, rules
from observability.dashboards import DASHBOARDS
from observability.scrape import scrape

ROOT = Path(__file__).parents[1]
CHART = Path("charts/millrace/files")
PACKAGE = Path("millrace/runtime/embedded")
"""Where `millrace up --prometheus` finds the rules: in the wheel, which has no chart."""
MADE = "# Made by `python -m observability.build`; edit observability/ instead.\n"


def files() -> dict[Path, str]:
    """Return every file that is written, from the root of the repository, with its text."""
    alerts = _yaml(rules())
    boards = {CHART / "dashboards" / f"{name}.json": _json(made()) for name, made in DASHBOARDS.items()}
    return {
        CHART / "alerts.yaml": alerts,
        PACKAGE / "alerts.yaml": alerts,
        CHART / "scrape.yaml": _yaml(scrape()),
        Path(RUNBOOKS) / "README.md": contents(GROUPS),
        **boards,
    }


def _yaml(what: object) -> str:
    text: str = yaml.dump(what, sort_keys=False, width=120, allow_unicode=True)
    return MADE + text


def _json(text: str) -> str:
    return json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write them, and remove dashboards that are no more."""
    made = files()
    for old in (ROOT / CHART / "dashboards").glob("*.json"):
        if old.relative_to(ROOT) not in made:
            old.unlink()
    for path, text in made.items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(text)


if __name__ == "__main__":
    main()

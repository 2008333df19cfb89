"""A rehearsal in a notebook: scores and predictions as DataFrames, shown as a table and a chart."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import msgspec

from millrace.adapters.archive.frames import facts_of
from millrace.adapters.archive.tables import load_replayed
from millrace.domain.errors import UseCaseError
from millrace.domain.facts import Label
from millrace.domain.records import Prediction
from millrace.domain.usecase import AnyUseCase, Fact
from millrace.learning.shard import Step
from millrace.rehearsal import Report, picture
from millrace.rehearsal import rehearse as run

if TYPE_CHECKING:
    import pandas as pd

SHOWN_PIXELS = 720


class Rehearsed:
    """What a rehearsal found. `report` is all of it; in a notebook it shows itself."""

    def __init__(self, report: Report, predictions: list[dict[str, Any]]) -> None:
        self.report = report
        self._predictions = predictions

    @property
    def scores(self) -> pd.DataFrame:
        """A row a candidate and baseline, in the order of the file: role, overall score, recent score, all metrics."""
        import pandas as pd

        report = self.report
        rows = {
            name: {
                "role": "champion" if name == report.champion else "challenger",
                "overall": it.overall,
                "recent": it.recent,
                **it.metrics,
            }
            for name, it in report.candidates.items()
        }
        baselines = {name: {"role": "baseline", "overall": score} for name, score in report.baselines.items()}
        found = pd.DataFrame.from_dict({**rows, **baselines}, orient="index")
        found.index.name = f"{report.metric}, {report.unit}" if report.unit else report.metric
        return found

    @property
    def predictions(self) -> pd.DataFrame:
        """A row an event, in stream order: event_id, key, occurred_at, value (the champion's), truth, a column each."""
        import pandas as pd

        return pd.DataFrame(self._predictions)

    def _repr_html_(self) -> str:
        page = escape(picture(self.report), quote=True)
        return (
            f'<iframe srcdoc="{page}" style="width:100%;height:{SHOWN_PIXELS}px;border:0" title="Rehearsal"></iframe>'
        )

    def __repr__(self) -> str:
        report = self.report
        return f"<Rehearsal of {report.use_case}: {report.events:,} events, {report.labels:,} labels learnt>\n{self.scores}"


def rehearse(use_case: AnyUseCase, frame: object = None) -> Rehearsed:
    """Rehearse a use case on a frame, or on its own recording; raise `UseCaseError` when there is neither."""
    if frame is None and not use_case.is_replayed:
        raise UseCaseError(
            f"{use_case.name} has no recording or files of its own: give it a DataFrame, as in rehearse(df)"
        )
    facts = load_replayed(use_case).facts if frame is None else facts_of(use_case, frame)
    truths = _truths(use_case, facts)
    decode = msgspec.json.Decoder(Prediction).decode
    topic = use_case.topic("predictions")
    rows: list[dict[str, Any]] = []

    def hear(step: Step) -> None:
        made = (decode(it.value) for it in step.outputs if it.topic == topic and it.value)
        rows.extend(_row(it, truths.get(it.event_id)) for it in made)

    return Rehearsed(run(use_case, facts, hear=hear), rows)


def _truths(use_case: AnyUseCase, facts: list[Fact]) -> dict[str, Any]:
    target = getattr(use_case.task, "target", None)
    labels = [] if target is None else [it for it in facts if isinstance(it, Label)]
    return {getattr(it, use_case.of_field): target(it) for it in labels if target}


def _row(it: Prediction, truth: Any) -> dict[str, Any]:
    known = {"event_id": it.event_id, "key": it.key, "occurred_at": it.occurred_at, "value": it.value, "truth": truth}
    return {**known, **it.by_candidate}

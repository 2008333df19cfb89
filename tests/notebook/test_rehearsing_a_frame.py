"""From a DataFrame to honest scores, in a notebook."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pandas as pd
import pytest
from msgspec.structs import asdict
from nbclient import NotebookClient

from docs.examples.parcel_delay import parcel_delay
from millrace.domain.errors import Refused, UseCaseError
from tests.house.test_sketch import parcels

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """A row a parcel, with the truth about it and when that was known; unsorted."""
    facts = list(parcels(600))
    rows = [{**asdict(event), **asdict(label)} for event, label in zip(facts[::2], facts[1::2], strict=True)]
    return pd.DataFrame(rows).sample(frac=1, random_state=7)


def test_scores_and_predictions_are_frames(frame: pd.DataFrame) -> None:
    """One row a contestant, one a parcel; the truth stands beside what was foreseen, and the score is made of both."""
    done = parcel_delay.rehearse(frame)
    assert list(done.scores.index) == ["linear", "usual at the depot"]
    assert list(done.scores["role"]) == ["champion", "baseline"]
    predictions = done.predictions
    assert len(predictions) == 600
    assert predictions["occurred_at"].is_monotonic_increasing
    error = (predictions["usual at the depot"] - predictions["truth"]).abs().mean()
    assert done.scores.loc["usual at the depot", "overall"] == pytest.approx(error)


def test_a_later_label_changes_no_earlier_prediction(frame: pd.DataFrame) -> None:
    """A truth that is changed after noon leaves every prediction made before it as it was."""
    half = frame.sort_values("known_at")["known_at"].iloc[300]
    changed = frame.assign(minutes_late=frame["minutes_late"].where(frame["known_at"] < half, 99.0))
    before, after = (parcel_delay.rehearse(it).predictions for it in (frame, changed))
    early = before["occurred_at"] < half
    assert before["value"][early].equals(after["value"][early])
    assert not before["value"].equals(after["value"])


def test_a_missing_column_is_named(frame: pd.DataFrame) -> None:
    """The message says which, what there is, and how to rename one."""
    with pytest.raises(Refused, match=r"no column 'distance', which Parcel needs; there are: .*rename"):
        parcel_delay.rehearse(frame.drop(columns="distance"))


def test_a_row_that_does_not_fit_is_named(frame: pd.DataFrame) -> None:
    """The message names the row, the field and what it should hold."""
    with pytest.raises(Refused, match=r"row 0 is not an event or label of Parcel: .*weather"):
        parcel_delay.rehearse(frame.assign(weather="hail"))


def test_without_a_frame_it_needs_a_source() -> None:
    """The message says what to give."""
    with pytest.raises(UseCaseError, match=r"rehearse\(df\)"):
        parcel_delay.rehearse()


def test_it_shows_itself_with_nothing_from_elsewhere(frame: pd.DataFrame) -> None:
    """Table and chart are in the notebook's own file: no script, no address."""
    shown = parcel_delay.rehearse(frame)._repr_html_()
    assert "&lt;svg" in shown
    assert "&lt;table" in shown
    assert "&lt;script" not in shown
    assert "http" not in shown.replace("http://www.w3.org", "")


def test_the_guide_runs_as_written() -> None:
    """Every cell is executed by a real kernel, from the first to the last."""
    notebook = nbformat.read(ROOT / "docs" / "examples" / "parcels.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}).execute()
    shown = [out for cell in notebook.cells for out in cell.get("outputs", []) if "data" in out]
    assert any("text/html" in out["data"] and "&lt;svg" in out["data"]["text/html"] for out in shown)

"""Each wrong use case gets its message, with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from millrace.checking import check

RIGHT = '''"""Which parcels will be late?"""

from typing import Literal

from millrace import Candidate, Event, Features, Id, Key, Km, Label, Minutes, Model, Of, Profiles, Regression, Truth
from millrace import UseCase, decayed_mean


class Parcel(Event):
    parcel_id: Id[str]
    depot: Key[str]
    distance: Km
    weather: Literal["dry", "rain", "snow"]


class Delivered(Label):
    parcel_id: Of[str]
    minutes_late: Minutes | None = None


class Seen(Profiles):
    depot = decayed_mean("minutes_late", by="depot", half_life="6h", unseen=0.0)


def features(p: Parcel, seen: Seen) -> Features:
    return {"km": p.distance, "usual": seen.depot, "weather": p.weather}


def linear() -> Model:
    from river import linear_model, preprocessing

    return preprocessing.StandardScaler() | linear_model.LinearRegression()


case = UseCase(
    "parcel-delay",
    "How many minutes late will this parcel be?",
    Parcel,
    Seen,
    features=features,
    task=Regression(
        target=lambda d: d.minutes_late,
        truth=Truth(label=Delivered, patience="2d"),
    ),
    candidates={
        "linear": Candidate(linear, only=("km", "usual")),
    },
    baselines={
        "usual": lambda p, seen: seen.depot,
    },
)
'''

TREE = "    from river import tree\n\n    return tree."
LINEAR = "    from river import linear_model, preprocessing\n\n    return preprocessing.StandardScaler() | linear_model.LinearRegression()"  # noqa: E501
FEATURES = '    return {"km": p.distance, "usual": seen.depot, "weather": p.weather}'

WRONG: list[tuple[str, str, str, str, str]] = [
    # what is wrong, what stands there, what is put instead, text on the line the message points at, words it says
    ("peeking in features", '"km": p.distance', '"km": p.minutes_late', "p.minutes_late", "that is peeking"),
    ("peeking in a baseline", "seen: seen.depot", "seen: p.minutes_late", "seen: p.minutes_late", "that is peeking"),
    ("peeking in a profile", 'decayed_mean("minutes_late"', "decayed_mean(lambda p: p.minutes_late", "depot = ", "peeking"),
    ("unknown field in by=", 'by="depot"', 'by="shop"', 'by="shop"', "kept by 'shop', which is no field of Parcel"),
    ("label field in by=", 'by="depot"', 'by="minutes_late"', 'by="minutes_late"', "known only with the label"),
    ("unknown field remembered", '"minutes_late", by', '"late", by', '"late", by', "field of neither Parcel nor"),
    ("unknown field read", "p.distance", "p.distnce", "p.distnce", "reads 'distnce', no field of Parcel"),
    ("unknown profile read", '"usual": seen.depot', '"usual": seen.dept', "seen.dept", "no profile of Seen"),
    ("unknown field in the target", "d: d.minutes_late", "d: d.late", "d: d.late", "no field of Delivered"),
    ("missing unseen", ', unseen=0.0)', ")", "depot = ", "unseen"),
    ("a duration that is none", 'half_life="6h"', 'half_life="6 hours"', '"6 hours"', "is not a duration"),
    ("horizon beyond patience", 'patience="2d"', 'patience="2d", horizon="3d"', "Truth(", "longer than the patience"),
    ("text without an encoder", '"usual"))', '"weather"))', "def linear", "cannot take text"),
    ("unknown feature in only=", '"usual"))', '"miles"))', '"miles"))', "asks for feature 'miles'"),
    ("unknown feature as base", '"usual"))', '"usual"), on_residual_of="guess")', "on_residual_of", "feature 'guess'"),
    ("seed=None", LINEAR, TREE.replace("tree", "forest") + "ARFRegressor(memory_estimate_period=10**12)", "def linear",
     "with seed=None"),
    ("memory management on", LINEAR, TREE + 'HoeffdingTreeRegressor(leaf_prediction="mean")', "def linear",
     "measures its size every"),
    ("text in a linear leaf", '"linear": Candidate(linear, only=("km", "usual"))', '"linear": Candidate(adaptive)',
     "def adaptive", "whose leaves are linear models"),
    ("a model that cannot be built", "return preprocessing.StandardScaler()", "return preprocessing.Scaler()",
     "def linear", "cannot be built: AttributeError"),
    ("no model at all", LINEAR, "    return 3", "def linear", "is a int without learn_one"),
    ("a raising feature", "p.distance,", "1 / (len(p.weather) - 3),", "len(p.weather) - 3", "raised ZeroDivisionError"),
    ("a raising baseline", "seen: seen.depot", 'seen: {}["x"]', 'seen: {}["x"]', "raised KeyError"),
    ("a feature without end", "p.distance,", 'float("inf"),', 'float("inf")', "is inf for"),
    ("a missing value as a feature", '"usual": seen.depot', '"usual": None', '"usual": None', "a NoneType"),
    ("an identifier as a feature", '"km": p.distance,', '"km": p.parcel_id,', "p.parcel_id", "is the event's id"),
    ("features that differ", '{"km"', '{**({"x": 1} if p.weather == "dry" else {}), "km"', "def features",
     "['x'] for some events only"),
    ("the clock", FEATURES, '    import time\n\n    return {"km": time.time(), "usual": 0.0}', "time.time()", "the clock"),
    ("chance", FEATURES, '    import random\n\n    return {"km": random.random(), "usual": 0.0}', "random.random()",
     "chance"),
    ("features that count", FEATURES, '    COUNT.append(1)\n    return {"km": float(len(COUNT)), "usual": 0.0}',
     "len(COUNT)", "of the same event is"),
    ("features that set a global", FEATURES, '    global LAST\n    LAST = p\n    return {"km": 1.0, "usual": 0.0}',
     "global LAST", "changes LAST"),
    ("a target that is text", "d: d.minutes_late", "d: str(d.minutes_late)", "target=", "asks for a number"),
    ("a target that is always None", "d: d.minutes_late", "d: None", "target=", "None for every label"),
    ("wrong label type", "parcel_id: Of[str]", "parcel_id: Of[int]", "Of[int]", "no label would meet its event"),
    ("no id", "parcel_id: Id[str]", "parcel_id: str", "UseCase(", "exactly one field of type Id"),
    ("a name twice", '"usual": lambda', '"usual": lambda p, seen: 0.0,\n        "usual": lambda p, seen: seen.depot,  #',
     "seen.depot,  #", "'usual' twice"),
    ("one name for two", '"usual": lambda', '"linear": lambda', '"linear": Candidate(', "both a candidate and a baseline"),
    ("silence as no", 'patience="2d"', 'patience="2d", if_missing="negative"', "if_missing", "means nothing"),
    ("a note on no feature", "    features=features,", '    features=features,\n    notes={"kilos": "the weight, kg"},', "notes=",
     "explains 'kilos'"),
    ("no candidate", '"linear": Candidate(linear, only=("km", "usual")),', "", "UseCase(", "has no candidate"),
    ("a name in capitals", '"parcel-delay"', '"Parcel Delay"', "Parcel Delay", "lower case with dashes"),
    ("a package that is not there", "from typing import Literal", "from typing import Literal\nimport nowhere_at_all",
     "nowhere_at_all", "not installed"),
    ("no Python", "class Seen(Profiles):", "class Seen(Profiles)", "class Seen", "cannot read it"),
]  # fmt: skip

ADAPTIVE = """
def adaptive() -> Model:
    from river import tree

    return tree.HoeffdingAdaptiveTreeRegressor(seed=7, memory_estimate_period=10**12)

"""


@pytest.mark.parametrize(("right", "wrong", "on", "said"), [it[1:] for it in WRONG], ids=[it[0] for it in WRONG])
def test_a_fault_is_told_with_its_line(right: str, wrong: str, on: str, said: str, tmp_path: Path) -> None:
    """The message says what is wrong and points at the line to change."""
    assert RIGHT.count(right) >= 1
    text = RIGHT.replace(right, wrong, 1).replace("\n\ncase =", f"\n{ADAPTIVE}\nCOUNT: list[int] = []\n\ncase =")
    file = tmp_path / "case.py"
    file.write_text(text)
    checked = check(file)
    lines = text.splitlines()
    told = [(lines[it.line - 1], it.words) for it in checked.findings]
    assert any(on in line and said in words for line, words in told), told
    assert not checked.passed
    assert all(it.file == str(file) and it.do for it in checked.findings)

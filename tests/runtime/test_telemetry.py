"""The metric catalogue: what a part exposes is what is declared for it, and nothing else."""

from __future__ import annotations

import subprocess
import sys

import pytest
from prometheus_client.parser import text_string_to_metric_families

from millrace.runtime.telemetry import EVERY, LABELS, PARTS, SPECS, UNITS, exposed

SHOWN = """
import sys
from millrace.runtime.telemetry import exposed
sys.stdout.buffer.write(exposed(sys.argv[1]))
"""


def declared(part: str) -> dict[str, tuple[str, str]]:
    """Return kind and help of what a part is to show, by name."""
    return {spec.name: (spec.kind, spec.help) for spec in SPECS.values() if spec.part in (part, EVERY)}


def shown(part: str) -> dict[str, tuple[str, str]]:
    """Return kind and help of what a process that is a part shows, by name; what every Python process shows left out."""
    said = subprocess.run([sys.executable, "-c", SHOWN, part], capture_output=True, check=True, text=True).stdout
    families = list(text_string_to_metric_families(said))
    names = {it.name: f"{it.name}_total" if it.type == "counter" else it.name for it in families}
    return {
        names[it.name]: (it.type, it.documentation)
        for it in families
        if not it.name.startswith(("process_", "python_"))
    }


@pytest.mark.parametrize("part", PARTS)
def test_a_part_shows_all_that_is_declared_for_it_and_nothing_else(part: str) -> None:
    """A trainer that shows requests at zero would be counted as an API without visitors."""
    assert shown(part) == declared(part)


def test_every_metric_belongs_to_a_part_that_there_is() -> None:
    """One that belongs to no part is shown by none."""
    assert {spec.part for spec in SPECS.values()} == {*PARTS, EVERY}


def test_every_label_says_what_bounds_its_values_and_none_is_idle() -> None:
    """A label without bounds fills any Prometheus."""
    assert {label for spec in SPECS.values() for label in spec.labels} == set(LABELS)


def test_a_unit_stands_at_the_end_of_a_name_in_the_plural() -> None:
    """Prometheus' conventions: base units, before `_total`."""
    for spec in SPECS.values():
        bare = spec.name.removesuffix("_total")
        assert spec.unit == next((unit for unit in UNITS if bare.endswith(f"_{unit}")), ""), spec.name
        assert not bare.endswith(("_ms", "_milliseconds", "_mb", "_percent", "_minutes")), spec.name
        assert bool(spec.buckets) == (spec.kind == "histogram"), spec.name


def test_no_series_is_spent_on_when_a_counter_began() -> None:
    """Prometheus' client adds one to each counter unless told; nobody asks for it."""
    assert b"_created" not in exposed("trainer")

"""Reproducibility: readings whose spread is known by construction, coverage of the stated uncertainty, refusals."""

import numpy as np
import pytest

from photopeak.activity_meter.reproducibility import accepts, reproducibility
from photopeak.procedure import Refused


def by_method(result):
    return {one.where["method"]: one for one in result.measurements}


def test_the_largest_deviation_and_the_spread_are_those_of_the_readings(rows_table):
    found = by_method(reproducibility(rows_table(*({"reading_mbq": x} for x in (99, 100, 101, 100, 104, 96)))))
    assert found["largest_deviation"].value == pytest.approx(4.0)
    assert found["standard_deviation"].value == pytest.approx(np.std([99, 100, 101, 100, 104, 96], ddof=1))
    assert found["largest_deviation"].where["activity"] == "> 3.7 MBq"


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_the_size_of_the_activity_does_not_matter(rows_table, scale):
    readings = [99.0, 100.0, 101.5, 100.0]
    small = by_method(reproducibility(rows_table({"readings_mbq": readings})))
    other = by_method(reproducibility(rows_table({"readings_mbq": [x * scale for x in readings]})))
    assert {k: v.value for k, v in other.items()} == pytest.approx({k: v.value for k, v in small.items()})


@pytest.mark.parametrize("draws", [300, pytest.param(2000, marks=pytest.mark.full)])
def test_the_true_spread_lies_within_two_standard_uncertainties_in_about_95_percent(rows_table, draws):
    rng, truth = np.random.default_rng(2), 0.8
    expected_largest = 100 * np.mean(
        [np.abs(d - d.mean()).max() for d in np.random.default_rng(3).normal(0, truth / 100, (20000, 10))]
    )
    inside = {"standard_deviation": 0, "largest_deviation": 0}
    for _ in range(draws):
        found = by_method(reproducibility(rows_table({"readings_mbq": list(100 * (1 + rng.normal(0, truth / 100, 10)))})))
        for method, true in (("standard_deviation", truth), ("largest_deviation", expected_largest)):
            inside[method] += abs(found[method].value - true) <= 2 * found[method].uncertainty
    assert all(0.93 <= count / draws <= 0.98 for count in inside.values()), inside


def test_two_readings_are_refused_and_other_tests_of_the_meter_are_not_taken(rows_table):
    with pytest.raises(Refused) as refused:
        reproducibility(rows_table({"readings_mbq": [1.0, 1.1]}))
    assert refused.value.code == "too_few_values"
    assert accepts(rows_table({"readings_mbq": 1, "time_h": 0})) is not None
    result = reproducibility(rows_table({"readings_mbq": [1.0, 1.1, 1.05]}))
    assert len(result.figures()) == 1
    assert accepts(rows_table({"reading_mci": 1})) is None

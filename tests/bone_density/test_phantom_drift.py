"""Drift: the worked example (a step of 1 % within two scans), other steps, false alarms, coverage, real scans, refusals."""

import csv

import numpy as np
import pytest

from photopeak.bone_density.phantom_drift import accepts, phantom_drift
from photopeak.procedure import Refused


def of(result, name):
    return [one for one in result.measurements if one.quantity.name == name]


def rows(values, **more):
    return [{"bmd": repr(float(value)), **more} for value in values]


def test_a_step_of_one_percent_is_found_within_two_scans_which_a_band_of_one_and_a_half_never_sees(therapy_example, rows_table):
    for case in therapy_example("dxa_cusum")["cases"]:
        inputs, expected = case["inputs"], case["expected"]
        design = {key: inputs[key] for key in ("target", "sd", "k", "h")}
        result = phantom_drift(rows_table(*rows(inputs["bmd"], **design)), shewhart_percent=1.5)
        assert of(result, "cusum")[0].value == pytest.approx(expected["cusum_last"], abs=case["tolerance"])
        first = of(result, "first_alarm_index")[0].value
        assert first == expected["first_alarm_index"]
        assert first - expected["shift_starts_at"] < 2
        assert of(result, "shewhart_alarms")[0].value == len(expected["shewhart_1_5pct_alarms"])
        step = of(result, "phantom_step")[0]
        assert step.where["from_scan"] == expected["shift_starts_at"] + 1
        assert abs(step.value - 1.0) <= 2 * step.uncertainty


def test_without_a_target_the_first_ten_scans_are_the_baseline(therapy_example, rows_table):
    inputs = therapy_example("dxa_cusum")["cases"][0]["inputs"]
    result = phantom_drift(rows_table(*rows(inputs["bmd"])))
    assert of(result, "first_alarm_index")[0].value == 26
    assert "cusum_alarm" in {one.code for one in result.remarks}


@pytest.mark.parametrize("draws", [200, pytest.param(2000, marks=pytest.mark.full)])
def test_the_step_is_covered_found_soon_and_rarely_imagined(rows_table, draws):
    """25 scans at rest, then 30 at +1 %; the spread of a scan is 0.34 % as in the example, target and spread known."""
    rng, inside, delays, false = np.random.default_rng(20), 0, [], 0
    for _ in range(draws):
        noise = rng.normal(0, 0.004, 55)
        truth = np.where(np.arange(55) < 25, 1.177, 1.177 * 1.01)
        result = phantom_drift(rows_table(*rows(truth + noise, target=1.177, sd=0.004)))
        first = of(result, "first_alarm_index")[0].value
        if first < 25:
            false += 1
            continue
        delays.append(first - 24)
        step = of(result, "phantom_step")[0]
        inside += abs(step.value - 1.0) <= 2 * step.uncertainty
    assert false / draws <= 0.09  # an in-control average run length of about 465 scans
    assert np.median(delays) <= 3
    assert 0.90 <= inside / len(delays) <= 0.99


@pytest.mark.parametrize("step", [-2.0, 3.0])
def test_steps_downwards_are_found_too(rows_table, step):
    rng = np.random.default_rng(21)
    truth = np.where(np.arange(40) < 20, 1.0, 1.0 + step / 100)
    result = phantom_drift(rows_table(*rows(truth + rng.normal(0, 0.003, 40))))
    assert of(result, "phantom_step")[0].value == pytest.approx(step, abs=0.4)
    assert of(result, "first_alarm_index")[0].value <= 22


def test_real_phantom_scans_are_taken_as_they_are(shared, rows_table):
    with (shared / "data" / "bone_density" / "hrpqct_daily_phantom.csv").open(encoding="utf-8") as lines:
        found = [row for row in csv.DictReader(lines) if row["section"] == "4" and row["site"] == "Montreal"]
    found.sort(key=lambda row: row["scanDate"])
    result = phantom_drift(rows_table(*rows([row["value"] for row in found])), baseline_scans=5)
    assert len(of(result, "phantom_deviation")) == len(found)
    assert max(abs(one.value) for one in of(result, "phantom_deviation")) < 3
    assert len(result.figures()) == 2


@pytest.mark.parametrize(
    ("values", "code"),
    [([1.0, 1.0, 1.0], "too_few_values"), ([1.0] * 12, "no_spread"), ([1.0, -1.0, 1.0, 1.0, 1.0, 1.0], "impossible_value")],
)
def test_impossible_courses_are_refused(rows_table, values, code):
    with pytest.raises(Refused) as refused:
        phantom_drift(rows_table(*rows(values)))
    assert refused.value.code == code
    assert refused.value.words.zh


def test_a_table_says_that_it_is_of_a_phantom(rows_table):
    assert accepts(rows_table({"phantom_bmd": 1})) is None
    assert accepts(rows_table({"weight": 1})) is not None

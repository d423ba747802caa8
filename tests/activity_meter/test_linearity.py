"""Linearity: the worked exercise, meters of known non-linearity by decay and by shields, coverage, refusals."""

import math

import numpy as np
import pytest

from photopeak.activity_meter.linearity import accepts, linearity
from photopeak.criterion import parse_criteria
from photopeak.procedure import Refused
from photopeak.verdict import judge

FIVE = 'standard="x"\nread_by=["t"]\n[[limit]]\nquantity="linearity"\nunit="%"\nstage="status"\nupper=5.0\n'
HOURS = np.array([0.0, 3, 6, 9, 12, 24, 30, 36, 48, 54, 60])


def of(result, name):
    return [one for one in result.measurements if one.quantity.name == name]


def test_the_worked_exercise(therapy_example, rows_table):
    for case in therapy_example("dosecal_linearity_tc99m")["cases"]:
        expected, tolerance = case["expected"], case["tolerance"]
        result = linearity(rows_table(case["inputs"]))
        assert of(result, "linearity")[0].value == pytest.approx(expected["max_abs_dev_pct"], abs=tolerance)
        assert of(result, "fitted_half_life")[0].value == pytest.approx(expected["fitted_half_life_h"], abs=tolerance)
        deviations = [abs(one.value) for one in of(result, "linearity_deviation")]
        assert int(np.argmax(deviations)) == expected["worst_index"]
        outcome = judge(of(result, "linearity"), parse_criteria(FIVE, "five.toml"))[0].outcome
        assert outcome == expected["verdict_5pct"]


def saturating(truth_mbq, loss):
    """Readings of a meter that loses `loss` per cent at 5000 MBq, in proportion to the activity."""
    return truth_mbq * (1 - loss / 100 * truth_mbq / 5000)


@pytest.mark.parametrize("loss", [0.0, 2.0, 12.0])
def test_a_meter_of_known_loss_is_found_as_lossy_as_it_is(rows_table, loss):
    truth = 5000 * np.exp(-math.log(2) / 6.015 * HOURS)
    readings = saturating(truth, loss)
    log = np.log(readings / truth)
    expected = np.abs(100 * np.expm1(log - log.mean())).max()
    result = linearity(rows_table({"nuclide": "Tc-99m", "time_h": list(HOURS), "readings_mbq": list(readings)}))
    assert of(result, "linearity")[0].value == pytest.approx(expected, abs=1e-9)


def test_shields_of_known_factor_find_the_same_loss_as_decay(rows_table):
    factors = np.array([1, 2, 4, 8, 16, 64, 256])
    readings = saturating(5000 / factors, 12.0)
    log = np.log(readings * factors)
    expected = np.abs(100 * np.expm1(log - log.mean())).max()
    result = linearity(rows_table({"shield_factor": list(factors), "readings_mbq": list(readings)}))
    assert of(result, "linearity")[0].value == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("draws", [200, pytest.param(2000, marks=pytest.mark.full)])
def test_the_true_deviation_of_each_reading_lies_within_two_uncertainties_in_about_95_percent(rows_table, draws):
    rng, inside = np.random.default_rng(4), 0
    truth = 5000 * np.exp(-math.log(2) / 6.015 * HOURS)
    clean = saturating(truth, 4.0)
    log = np.log(clean / truth)
    true = 100 * np.expm1(log - log.mean())
    for _ in range(draws):
        readings = clean * (1 + rng.normal(0, 0.005, len(HOURS)))
        row = {"nuclide": "Tc-99m", "time_h": list(HOURS), "readings_mbq": list(readings), "reading_u_percent": 0.5}
        found = of(linearity(rows_table(row)), "linearity_deviation")
        inside += sum(abs(one.value - one_true) <= 2 * one.uncertainty for one, one_true in zip(found, true))
    assert 0.94 <= inside / draws / len(HOURS) <= 0.98  # the mean line is fitted, so a little above 95 %


@pytest.mark.parametrize("draws", [200, pytest.param(2000, marks=pytest.mark.full)])
def test_the_repeatability_estimated_from_neighbours_is_about_right(rows_table, draws):
    rng, estimates = np.random.default_rng(5), []
    hours = np.arange(0, 60, 2.0)
    truth = saturating(5000 * np.exp(-math.log(2) / 6.015 * hours), 4.0)
    for _ in range(draws):
        readings = truth * (1 + rng.normal(0, 0.005, len(hours)))
        row = {"nuclide": "Tc-99m", "time_h": list(hours), "readings_mbq": list(readings)}
        estimates.append(of(linearity(rows_table(row)), "linearity")[0].uncertainty)
    assert np.sqrt(np.mean(np.square(estimates))) == pytest.approx(0.5, rel=0.10)


def test_clock_times_are_understood(rows_table):
    rows = [
        {"nuclide": "F-18", "measured_at": f"2026-05-04 {8 + n}:00", "readings_mbq": 100 * 0.5 ** (n / 1.8295)}
        for n in range(6)
    ]
    assert of(linearity(rows_table(*rows)), "linearity")[0].value < 0.01


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"nuclide": "F-18", "time_h": [0, 1, 2, -1], "readings_mbq": [4, 3, 2, 1]}, "impossible_value"),
        ({"nuclide": "F-18", "time_h": [0, 1, 2], "readings_mbq": [4, 3, 2]}, "too_few_values"),
        ({"nuclide": "F-18", "time_h": [0, 1, 2], "readings_mbq": [4, 3, 2, 1]}, "unequal_series"),
        ({"nuclide": "F-18", "time_h": [0, 1, 2, 3], "readings_mbq": [4, 3, 2, 1], "background_mbq": 1}, "no_reading"),
        ({"time_h": [0, 1, 2, 3], "readings_mbq": [4, 3, 2, 1]}, "nuclide_missing"),
    ],
)
def test_impossible_readings_are_refused(rows_table, row, code):
    with pytest.raises(Refused) as refused:
        linearity(rows_table(row))
    assert refused.value.code == code
    assert refused.value.words.zh


def test_only_a_table_of_times_or_shields_is_accepted(rows_table):
    assert accepts(rows_table({"t_h": 0, "mCi": 3})) is None
    assert accepts(rows_table({"readings_mbq": 3})) is not None
    row = {"nuclide": "Tc-99m", "time_h": [0, 1, 2, 3], "readings_mbq": [4, 3.5, 3.1, 2.8]}
    assert len(linearity(rows_table(row)).figures()) == 1

"""Blood dosimetry: the worked example by residence times and by one retention, the published cohort, coverage, refusals."""

import math

import numpy as np
import pytest

from photopeak.procedure import Refused
from photopeak.radionuclide_therapy.blood_dosimetry import accepts, blood_dosimetry


def of(result, name):
    return next(one for one in result.measurements if one.quantity.name == name)


def test_the_worked_example(therapy_example, rows_table):
    names = {
        "D_per_A_Gy_per_GBq": "blood_dose_per_activity",
        "D_per_A": "blood_dose_per_activity",
        "A_max_2Gy_GBq": "activity_for_blood_dose",
        "tau_wb_h": "residence_time_whole_body",
    }
    for case in therapy_example("i131_blood_dose")["cases"]:
        result = blood_dosimetry(rows_table(case["inputs"]))
        for key, expected in case["expected"].items():
            assert of(result, names[key]).value == pytest.approx(expected, abs=case["tolerance"])


def test_the_published_cohort_lies_where_the_formula_puts_it(rows_table):
    result = blood_dosimetry(rows_table({"t_h": 24, "retention": math.exp(-24 / 21.97), "weight_kg": 60, "blood_ml": 3900}))
    expected = 0.118  # mGy/MBq off T4, 0.083 to 0.172 (PMC5020787)
    assert abs(of(result, "blood_dose_per_activity").value - expected) < 0.01


@pytest.mark.parametrize("draws", [300, pytest.param(2000, marks=pytest.mark.full)])
def test_the_true_dose_lies_within_two_uncertainties_in_about_95_percent(rows_table, draws):
    """One retention: 3 % noise in it, and the model's own error of mean absolute 14 %."""
    rng, inside = np.random.default_rng(14), 0
    clean = {"t_h": 24, "retention": 0.336, "weight_kg": 60, "blood_ml": 3900}
    model = of(blood_dosimetry(rows_table(clean)), "blood_dose_per_activity").value
    for _ in range(draws):
        truth = model * (1 + rng.normal(0, 0.14 * math.sqrt(math.pi / 2)))
        row = {**clean, "retention": 0.336 * (1 + rng.normal(0, 0.03)), "retention_u": 0.336 * 0.03}
        found = of(blood_dosimetry(rows_table(row)), "blood_dose_per_activity")
        inside += abs(found.value - truth) <= 2 * found.uncertainty
    assert 0.92 <= inside / draws <= 0.98


def test_a_given_activity_becomes_a_dose_with_uncertainty(rows_table):
    row = {"tau_ml_h": 0.00056, "tau_ml_h_u": 0.00003, "tau_wb_h": 20, "tau_wb_h_u": 1, "weight_kg": 70, "activity_gbq": 7.4}
    found = of(blood_dosimetry(rows_table(row)), "blood_dose")
    assert found.value == pytest.approx(7.4 * 0.08261718961040024)
    assert found.uncertainty > 0


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"t_h": 24, "retention": 1.2, "weight_kg": 60, "blood_ml": 3900}, "impossible_value"),
        ({"t_h": 0, "retention": 0.3, "weight_kg": 60, "blood_ml": 3900}, "impossible_value"),
        ({"t_h": 24, "retention": 0.3, "weight_kg": 0, "blood_ml": 3900}, "impossible_value"),
        ({"t_h": 24, "retention": 0.3, "blood_ml": 3900}, "input_missing"),
    ],
)
def test_impossible_patients_are_refused(rows_table, row, code):
    with pytest.raises(Refused) as refused:
        blood_dosimetry(rows_table(row))
    assert refused.value.code == code
    assert refused.value.words.zh


def test_only_blood_dosimetry_is_accepted_and_its_coefficients_are_told(rows_table):
    row = {"tau_ml_h": 0.00056, "tau_wb_h": 20, "weight_kg": 70}
    assert accepts(rows_table(row)) is None
    assert accepts(rows_table({"weight_kg": 70})) is not None
    result = blood_dosimetry(rows_table(row))
    assert "provisional" in result.conditions[0].value.en
    assert len(result.figures()) == 2

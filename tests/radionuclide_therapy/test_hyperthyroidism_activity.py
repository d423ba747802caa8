"""Hyperthyroidism by formula: the worked example, the two variants, audit of a given activity with coverage, refusals."""

import numpy as np
import pytest

from photopeak.procedure import Refused
from photopeak.radionuclide_therapy.hyperthyroidism_activity import accepts, hyperthyroidism_activity

PATIENT = {"mass_g": 20, "dose_Gy": 150, "uptake_pct": 60, "Teff_d": 5.5}


def of(result, name):
    return next(one for one in result.measurements if one.quantity.name == name)


def test_the_worked_example(therapy_example, rows_table):
    for case in therapy_example("i131_graves_activity")["cases"]:
        found = of(hyperthyroidism_activity(rows_table(case["inputs"])), "formula_activity")
        assert found.value == pytest.approx(case["expected"]["activity_MBq"], abs=case["tolerance"])


def test_the_variant_is_named_and_changes_the_number(rows_table):
    one = hyperthyroidism_activity(rows_table(PATIENT))
    other = hyperthyroidism_activity(rows_table(PATIENT), variant="guideline_2010")
    assert of(other, "formula_activity").value == pytest.approx(24.67 * 20 * 150 / (60 * 5.5))
    assert of(one, "formula_activity").where["variant"] == "sop_2013"
    assert "24.67" in other.conditions[0].value.en


@pytest.mark.parametrize("draws", [300, pytest.param(2000, marks=pytest.mark.full)])
def test_a_given_activity_is_compared_within_its_uncertainty(rows_table, draws):
    rng, inside = np.random.default_rng(16), 0
    formula = of(hyperthyroidism_activity(rows_table(PATIENT)), "formula_activity").value
    truth = 25.0
    for _ in range(draws):
        row = {**PATIENT, "mass_g": 20 * (1 + rng.normal(0, 0.05)), "mass_g_u": 1.0, "given_mbq": 1.25 * formula}
        row |= {"uptake_pct": 60 * (1 + rng.normal(0, 0.03)), "uptake_pct_u": 1.8}
        found = of(hyperthyroidism_activity(rows_table(row)), "activity_difference")
        inside += abs(found.value - truth) <= 2 * found.uncertainty
    assert 0.92 <= inside / draws <= 0.98


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"mass_g": 0}, "impossible_value"),
        ({"uptake_pct": 160}, "impossible_value"),
        ({"Teff_d": -1}, "impossible_value"),
        ({"dose_Gy": ""}, "input_missing"),
    ],
)
def test_impossible_patients_are_refused(rows_table, change, code):
    with pytest.raises(Refused) as refused:
        hyperthyroidism_activity(rows_table({**PATIENT, **change}))
    assert refused.value.code == code
    assert refused.value.words.zh


def test_only_the_inputs_of_the_formula_are_accepted(rows_table):
    assert accepts(rows_table(PATIENT)) is None
    assert accepts(rows_table({"mass_g": 20})) is not None
    assert len(hyperthyroidism_activity(rows_table({**PATIENT, "given_mbq": 200})).figures()) == 2

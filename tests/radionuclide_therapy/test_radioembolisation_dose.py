"""Doses of a radioembolisation: the worked examples, energy conserved, the constant said, refusals."""

import numpy as np
import pytest

from photopeak.procedure import Refused


def test_the_worked_examples_give_their_expected_doses(examples, measured, value_of):
    read = 0
    for text, expected, tolerance in examples("y90_radioembolisation"):
        if "lung_Gy" in expected:
            found = value_of(measured("radioembolisation_dose", text), "absorbed_dose", region="lungs")
            assert found.value == pytest.approx(expected["lung_Gy"], abs=tolerance)
            read += 1
        if "D_T_N_L" in expected:
            result = measured("radioembolisation_dose", text)
            doses = [value_of(result, "absorbed_dose", region=r).value for r in ("tumour", "normal_liver", "lungs")]
            assert doses == pytest.approx(expected["D_T_N_L"], rel=max(tolerance, 1e-12))
            read += 1
    assert read == 3


def test_the_doses_of_lung_tumour_and_liver_add_up_to_the_energy(measured, value_of):
    """Truth: what is not in the lungs is in tumour and normal liver, so the masses times the doses give K A."""
    text = "a_gbq,lsf,lung_kg,m_tumour_kg,m_normal_kg,tnr\n2.4,0.07,0.9,0.25,1.3,4"
    result = measured("radioembolisation_dose", text)
    energy = sum(
        value_of(result, "absorbed_dose", region=region).value * mass
        for region, mass in (("lungs", 0.9), ("tumour", 0.25), ("normal_liver", 1.3))
    )
    assert energy == pytest.approx(49.67 * 2.4, rel=1e-12)


def test_the_stated_uncertainty_holds_the_truth(measured, value_of):
    """Activity uncertain by 5 %, lung mass by 10 %."""
    generator, inside = np.random.default_rng(6), 0
    for _ in range(300):
        activity = 2.0 * (1 + 0.05 * generator.standard_normal())
        mass = 1.0 * (1 + 0.1 * generator.standard_normal())
        text = f"a_gbq,a_gbq_u,lsf,lung_kg,lung_kg_u\n{activity!r},{0.05 * activity!r},0.1,{mass!r},{0.1 * mass!r}"
        found = value_of(measured("radioembolisation_dose", text), "absorbed_dose")
        inside += abs(found.value - 9.934) <= 2 * found.uncertainty
    assert 0.915 <= inside / 300 <= 0.99


def test_the_variant_and_the_constant_stand_with_the_result(measured):
    result = measured("radioembolisation_dose", "a_gbq,lsf,lung_kg,constant_gy_kg_per_gbq\n2,0.1,1,50")
    assert [one.value.en for one in result.conditions] == ["50 Gy kg/GBq"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a_gbq,lsf,lung_kg\n2,5,1", "impossible_value"),
        ("a_gbq,lsf,lung_kg\n2,0.1,0", "impossible_value"),
        ("a_gbq,lsf\n2,0.1", "mass_missing"),
        ("a_gbq,lsf,m_tumour_kg,m_normal_kg\n2,0.1,0.3,1.2", "input_missing"),
    ],
)
def test_impossible_inputs_are_refused_in_words(measured, text, code):
    with pytest.raises(Refused) as refused:
        measured("radioembolisation_dose", text)
    assert refused.value.code == code
    assert refused.value.words.zh

"""Local deposition: the worked constants, retention of labelled microspheres, refusals."""

import pytest

from photopeak.procedure import Refused


def test_the_worked_constants_come_back(examples, measured, value_of):
    for text, expected, tolerance in examples("local_deposition_constants"):
        found = value_of(measured("local_deposition", text), "dose_constant")
        assert found.value == pytest.approx(expected["Gy_kg_per_GBq"], abs=tolerance)


def test_yttrium_stays_and_its_dose_is_known(measured, value_of):
    text = "nuclide,activity_gbq,mass_kg,mean_electron_energy_mev\nY-90,2,1.6,0.9331"
    assert value_of(measured("local_deposition", text), "absorbed_dose").value == pytest.approx(49.7707 * 2 / 1.6, rel=1e-4)


def test_the_dose_of_iodine_scales_with_the_measured_half_life(measured, value_of):
    text = "nuclide,activity_gbq,mass_kg,effective_half_life_h\nI-131,1,0.5,48"
    result = measured("local_deposition", text)
    expected = value_of(result, "dose_constant").value / 0.5 * 48 / (8.0207 * 24)
    assert value_of(result, "absorbed_dose").value == pytest.approx(expected, rel=1e-6)
    assert "energy_provisional" in [one.code for one in result.remarks]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("nuclide,activity_gbq,mass_kg\nI-131,1,0.5", "effective_half_life_missing"),
        ("nuclide,activity_gbq,mass_kg,effective_half_life_h\nI-131,1,0.5,300", "effective_half_life_above_physical"),
        ("nuclide,activity_gbq,mass_kg\nRe-188,1,0.5", "energy_missing"),
        ("nuclide,activity_gbq,mass_kg\nY-90,1,0", "impossible_value"),
        ("nuclide,activity_gbq,mass_kg\nQq-1,1,1", "unknown_nuclide"),
    ],
)
def test_impossible_inputs_are_refused_in_words(measured, text, code):
    with pytest.raises(Refused) as refused:
        measured("local_deposition", text)
    assert refused.value.code == code
    assert refused.value.words.zh
